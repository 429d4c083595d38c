/** Damaged, foreign and malicious weights files. Each gives one InputError, and nothing is loaded. */
import fs from 'node:fs';
import path from 'node:path';
import { unzipSync, Zip, ZipDeflate, ZipPassThrough } from 'fflate';
import { randomUniform } from '../../src/data/index';
import { InputError } from '../../src/errors';
import { alexnet, type LayerSpec } from '../../src/model/index';
import { loadStateDict, saveStateDict } from '../../src/pytorch/index';
import { writeStateDictPickle } from '../../src/pytorch/pickle';
import { tf } from '../../src/tf/index';
import { temporaryFolder } from '../support/idx';
import { expectNoLeak } from '../support/tensors';

const temporary = temporaryFolder();
const place = (name: string) => path.join(temporary, name);
const reference = (name: string) => path.join(__dirname, '../../parity/golden/pth', name);

/** A network of two tensors: classifier.0.weight [3, 4] and classifier.0.bias [3]. */
const layers: LayerSpec[] = [
  { kind: 'flatten', name: 'flatten' },
  { kind: 'dense', name: 'dense', units: 3, relu: false },
];
const tensors = [
  { key: 'classifier.0.weight', dtype: 'float32', shape: [3, 4] },
  { key: 'classifier.0.bias', dtype: 'float32', shape: [3] },
] as const;
const floats = (...values: number[]) => Buffer.from(Float32Array.from(values).buffer);
const kernel = floats(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12);
const bias = floats(1, 2, 3);

type Part = [name: string, content: Uint8Array, compress?: boolean];

/** A zip of these entries, in this order. */
function archive(parts: Part[]): Buffer {
  const chunks: Uint8Array[] = [];
  const zip = new Zip((error, chunk) => {
    if (error) throw error;
    chunks.push(chunk);
  });
  for (const [name, content, compress] of parts) {
    const entry = compress ? new ZipDeflate(name, { level: 9 }) : new ZipPassThrough(name);
    zip.add(entry);
    entry.push(content, true);
  }
  zip.end();
  return Buffer.concat(chunks);
}

/** An archive as torch.save writes it, with some entries replaced (undefined: removed) and some added. */
function pth(changed: Record<string, Uint8Array | undefined> = {}, added: Part[] = []): Buffer {
  const parts: Record<string, Uint8Array | undefined> = {
    'a/data.pkl': writeStateDictPickle(tensors),
    'a/byteorder': Buffer.from('little'),
    'a/data/0': kernel,
    'a/data/1': bias,
    'a/version': Buffer.from('3\n'),
    ...changed,
  };
  const kept = Object.entries(parts).filter(([, content]) => content !== undefined) as Part[];
  return archive([...kept, ...added]);
}

/** A pickle in readable form. Strings are bytes, numbers are opcodes and arguments. */
const pickle = (...parts: (string | number)[]) =>
  Buffer.concat(
    parts.map((part) =>
      typeof part === 'number' ? Buffer.from([part]) : Buffer.from(part, 'latin1'),
    ),
  );
const text = (value: string) => `X${String.fromCharCode(value.length)}\0\0\0${value}`;
/** Stores a tuple of twice the value in memory i in memory i + 1. */
const nest = (i: number) =>
  `h${String.fromCharCode(i)}h${String.fromCharCode(i)}\x86q${String.fromCharCode(i + 1)}`;
/** A state_dict of a weight and a bias. The arguments are pickle code of the weight. */
const oneTensor = (offset: string, shape: string, strides: string) =>
  pickle(
    ...['\x80\x02ccollections\nOrderedDict\n)R(', text('classifier.0.weight')],
    ...['ctorch._utils\n_rebuild_tensor_v2\n((', text('storage'), 'ctorch\nFloatStorage\n'],
    ...[text('0'), text('cpu'), 'K\x0ctQ', offset, shape, strides],
    ...['\x89ccollections\nOrderedDict\n)RtR', text('classifier.0.bias')],
    ...['ctorch._utils\n_rebuild_tensor_v2\n((', text('storage'), 'ctorch\nFloatStorage\n'],
    ...[text('1'), text('cpu'), 'K\x03tQK\0K\x03\x85K\x01\x85'],
    ...['\x89ccollections\nOrderedDict\n)RtRu.'],
  );

interface Safetensor {
  dtype?: unknown;
  shape?: unknown;
  data_offsets?: unknown;
}

function safetensors(changed: Record<string, Safetensor | undefined> = {}, extra = 0): Buffer {
  const header = JSON.stringify({
    'classifier.0.weight': { dtype: 'F32', shape: [3, 4], data_offsets: [0, 48] },
    'classifier.0.bias': { dtype: 'F32', shape: [3], data_offsets: [48, 60] },
    ...changed,
  });
  return withHeader(header, Buffer.concat([kernel, bias, Buffer.alloc(extra)]));
}

function withHeader(header: string, data: Buffer, claimed = header.length): Buffer {
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(claimed));
  return Buffer.concat([prefix, Buffer.from(header), data]);
}

async function expectRefused(name: string, content: Buffer, message: RegExp): Promise<void> {
  const file = place(name);
  fs.writeFileSync(file, content);
  const error: InputError = await expectNoLeak(() =>
    loadStateDict(file, { layers, inputSize: 2 }).then(
      () => expect('loaded').toBe('refused'),
      (thrown) => thrown,
    ),
  );
  expect(error.message).toMatch(message);
  expect(error).toBeInstanceOf(InputError);
  expect(error.message.startsWith(`${file}: `)).toBe(true);
  expect(error.message).not.toContain('\n');
}

test('undamaged, both formats load', async () => {
  for (const [name, content] of Object.entries({
    'whole.pth': pth(),
    'whole.safetensors': safetensors(),
  })) {
    fs.writeFileSync(place(name), content);
    const model = await loadStateDict(place(name), { layers, inputSize: 2 });
    expect([...model.getWeights()[0].dataSync()]).toEqual([1, 5, 9, 2, 6, 10, 3, 7, 11, 4, 8, 12]);
    model.dispose();
  }
});

describe('.pth', () => {
  test.each<[string, () => Buffer, RegExp]>([
    ['an empty file', () => Buffer.alloc(0), /: empty$/],
    ['a login page', () => Buffer.from('<!DOCTYPE html><html>'), /an HTML page/],
    [
      'a pointer',
      () => Buffer.from('version https://git-lfs.github.com/spec/v1'),
      /a Git LFS pointer/,
    ],
    ['a text', () => Buffer.from('no weights'), /not a zip archive/],
    ['another zip', () => archive([['a.txt', bias]]), /not from torch\.save: 0 entries/],
    [
      'the legacy format',
      () => fs.readFileSync(reference('legacy.pth')),
      /legacy format, not a zip archive\. Save it again: .*_use_new_zipfile_serialization=True/,
    ],
    [
      'a TorchScript program',
      () => fs.readFileSync(reference('torchscript.pth')),
      /a TorchScript program .*torch\.save\(model\.state_dict\(\), path\)/,
    ],
    [
      'a whole model',
      () => fs.readFileSync(reference('whole-model.pth')),
      /holds __main__\.Small, want the weights: torch\.save\(model\.state_dict\(\), path\)/,
    ],
    [
      'two entries of one name',
      () => pth({}, [['a/data/0', bias]]),
      /damaged: two entries a\/data\/0/,
    ],
    ['two pickles', () => pth({}, [['b/data.pkl', bias]]), /2 entries NAME\/data\.pkl, want one/],
    [
      'a missing storage',
      () => pth({ 'a/data/1': undefined }),
      /bias lies in data\/1, which is missing/,
    ],
    [
      'a storage that is too short',
      () => pth({ 'a/data/0': kernel.subarray(4) }),
      /data\/0 in it has 44 bytes, want 48 \(12 of float32\)/,
    ],
    [
      'another byte order',
      () => pth({ 'a/byteorder': Buffer.from('big') }),
      /byte order is big, want little/,
    ],
    [
      'a zip bomb as numbers',
      () => pth({ 'a/data/0': undefined }, [['a/data/0', Buffer.alloc(1 << 22), true]]),
      /a\/data\/0 in it is compressed \(from 4194304 to \d{4} bytes\), want it stored/,
    ],
    [
      'a huge pickle',
      () => pth({ 'a/data.pkl': Buffer.alloc(5 << 20) }),
      /data\.pkl in it is 5242880 bytes, want at most 4194304/,
    ],
    [
      'an entry larger than the file',
      () => claiming(pth(), 'a/data/0', 0x7fffffff),
      /truncated or damaged: .*(size|overflows)/,
    ],
    [
      'a damaged note',
      () => pth({}, [['a/alexnet.json', Buffer.from('{"inputSize":-1}')]]),
      /alexnet\.json\.inputSize is -1, want a positive whole number/,
    ],
  ])('%s', async (name, content, message) => {
    await expectRefused(`${name}.pth`, content(), message);
  });

  const dict = '\x80\x02ccollections\nOrderedDict\n)R(';
  test.each<[string, Buffer, RegExp]>([
    [
      'os.system',
      pickle('\x80\x02cos\nsystem\n', text('touch pwned'), '\x85R.'),
      /holds os\.system, want the weights/,
    ],
    [
      'builtins.eval',
      pickle(dict, text('w'), 'cbuiltins\neval\n', text('1'), '\x85Ru.'),
      /holds no tensors, only w \(builtins\.eval\); want the weights/,
    ],
    [
      'a name from the prototype',
      pickle('\x80\x02c__proto__\nconstructor\n.'),
      /holds __proto__\.constructor, want/,
    ],
    ['a name with a line break', pickle('\x80\x02ca\rb\nc\n.'), /holds "a\\rb\.c", want/],
    ['an object', pickle('\x80\x02cposix\nDirEntry\n)\x81.'), /holds posix\.DirEntry, want/],
    [
      'a name from the stack',
      pickle('\x80\x04', text('os'), text('system'), 0x93, text('touch pwned'), '\x85R.'),
      /holds os\.system, want/,
    ],
    ['a call of a number', pickle('\x80\x02K\x01)R.'), /holds "a number", want/],
    [
      'a call with other arguments',
      pickle('\x80\x02ctorch._utils\n_rebuild_tensor_v2\n)R.'),
      /calls torch\._utils\._rebuild_tensor_v2 with arguments that no state_dict has/,
    ],
    ['protocol 6', pickle('\x80\x06.'), /pickle protocol 6, want 2 to 5/],
    ['an unknown instruction', pickle('\x80\x02\xff.'), /no instruction 0xff/],
    ['nothing', pickle(), /damaged at byte 0: it ends/],
    ['an empty stack', pickle('\x80\x02.'), /damaged at byte 3: nothing on its stack/],
    ['an empty memory', pickle('\x80\x02h\x07.'), /no value with number 7 in its memory/],
    [
      'a text longer than the file',
      pickle('\x80\x02X\xff\xff\xff\xff'),
      /ends, want 4294967295 bytes more/,
    ],
    ['a list', pickle('\x80\x02].'), /holds a list, want the weights/],
    [
      'a checkpoint without weights',
      pickle(dict, text('epoch'), 'K\x05', text('model'), '}u.'),
      /holds no tensors, only epoch \(a number\), model \(a dict\); want the weights/,
    ],
    [
      'a key of 2^50 nested tuples',
      pickle('\x80\x02)q\0', ...Array.from({ length: 50 }, (_, i) => nest(i)), '}h\x32Ns.'),
      /holds no tensors, only a list \(None\)/,
    ],
    [
      'a tensor with strides 0',
      oneTensor('K\0', '(J\0\0\0\x40J\0\0\0\x40t', '(K\0K\0t'),
      /weight is \[1073741824,1073741824\], want \[3,4\]/,
    ],
    [
      'a tensor past its end',
      oneTensor('K\x01', 'K\x03K\x04\x86', 'K\x04K\x01\x86'),
      /from element 1, which/,
    ],
    [
      'a tensor of negative size',
      oneTensor('K\0', '(J\xff\xff\xff\xffK\x04t', 'K\x04K\x01\x86'),
      /_rebuild_tensor_v2 with arguments that no state_dict has/,
    ],
    [
      'a tensor whose elements overlap',
      oneTensor('K\0', 'K\x03K\x04\x86', 'K\x03K\x01\x86'),
      /\[3,4\] with strides \[3,1\]/,
    ],
  ])('a pickle of %s', async (name, content, message) => {
    await expectRefused(`${name}.pth`, pth({ 'a/data.pkl': content }), message);
    expect(fs.existsSync('pwned')).toBe(false);
  });

  test('a truncated file is refused, wherever it ends', async () => {
    const whole = fs.readFileSync(reference('float32.pth'));
    for (let length = 0; length < whole.length; length += 199) {
      await expectRefused(
        'cut.pth',
        whole.subarray(0, length),
        length === 0 ? /empty/ : length < 2 ? /not a zip archive/ : /truncated or damaged/,
      );
    }
  }, 120_000);

  test('a file with one changed byte loads or gives an InputError', async () => {
    const whole = pth();
    const random = randomUniform(1);
    let refused = 0;
    await expectNoLeak(async () => {
      for (let i = 0; i < 400; i++) {
        const bytes = Buffer.from(whole);
        bytes[Math.floor(random() * bytes.length)] = Math.floor(256 * random());
        fs.writeFileSync(place('changed.pth'), bytes);
        try {
          (await loadStateDict(place('changed.pth'), { layers, inputSize: 2 })).dispose();
        } catch (error) {
          expect(error).toBeInstanceOf(InputError);
          refused++;
        }
      }
    });
    expect(refused).toBeGreaterThan(100);
  }, 120_000);
});

describe('.safetensors', () => {
  const offsets = (begin: unknown, end: unknown) => ({
    'classifier.0.bias': { dtype: 'F32', shape: [3], data_offsets: [begin, end] },
  });
  test.each<[string, Buffer, RegExp]>([
    ['too short', Buffer.alloc(7), /not safetensors: 7 bytes, want a header/],
    [
      'a header longer than the file',
      withHeader('{}', Buffer.alloc(0), 1000),
      /not safetensors, or truncated: a header of 1000 bytes in a file of 10/,
    ],
    [
      'a header of 2^63 bytes',
      Buffer.concat([Buffer.from('0000000000000080', 'hex'), Buffer.from('{}')]),
      /a header of 9223372036854775808 bytes in a file of 10/,
    ],
    [
      'a huge header',
      withHeader(' '.repeat(5 << 20), bias),
      /header of 5242880 bytes, want at most/,
    ],
    ['no JSON', withHeader('{"a":\n', bias), /the header is not JSON/],
    ['other JSON', withHeader('[1]', bias), /the header is a list, want an object/],
    [
      'integers',
      safetensors({ 'classifier.0.bias': { dtype: 'I32' } }),
      /bias\.dtype is 'I32', want one of F32, F16, BF16, F64/,
    ],
    ['no dtype', safetensors({ 'classifier.0.bias': {} }), /bias\.dtype is missing/],
    [
      'a bad shape',
      safetensors({ 'classifier.0.bias': { dtype: 'F32', shape: [-3] } }),
      /bias\.shape\.0 is -3, want a whole number/,
    ],
    ['offsets in quotes', safetensors(offsets('48', '60')), /bias\.data_offsets\.0 is '48', want/],
    [
      'fewer bytes than its shape',
      safetensors(offsets(48, 56)),
      /bias has the data_offsets \[48,56\], want \[48,60\] for \[3\] of float32/,
    ],
    ['overlapping offsets', safetensors(offsets(44, 56)), /bias .* \[44,56\], want \[48,60\]/],
    ['a gap', safetensors(offsets(52, 64), 4), /bias .* \[52,64\], want \[48,60\]/],
    ['bytes at its end', safetensors({}, 4), /truncated or damaged: 64 bytes of numbers, want 60/],
    [
      'truncated',
      safetensors().subarray(0, -1),
      /truncated or damaged: 59 bytes of numbers, want 60/,
    ],
  ])('%s', async (name, content, message) => {
    await expectRefused(`${name}.safetensors`, content, message);
  });
});

test('one error names all missing, unknown and misshapen tensors', async () => {
  await expectRefused(
    'others.safetensors',
    safetensors({
      'classifier.0.weight': undefined,
      'classifier.0.bias': { dtype: 'F32', shape: [4, 3], data_offsets: [0, 48] },
      'a\nb': { dtype: 'F32', shape: [3], data_offsets: [48, 60] },
    }),
    /not the weights of this network: missing: classifier\.0\.weight; not in the network: "a\\nb"; classifier\.0\.bias is \[4,3\], want \[3\]/,
  );
  await expect(loadStateDict(reference('float32.pth'))).rejects.toThrow(
    /missing: features\.6\.weight, features\.6\.bias, features\.8.*; features\.0\.weight is \[4,2,5,5\], want \[64,2,11,11\]; .*classifier\.1\.weight is \[8,216\], want \[4096,9216\]/,
  );
});

test('an input size that does not fit the weights is refused', async () => {
  fs.writeFileSync(place('size.pth'), pth());
  await expect(loadStateDict(place('size.pth'), { layers, inputSize: 3 })).rejects.toThrow(
    'size.pth: not for an input size of 3: 4 features need 2 to 2',
  );
});

test.each(['pth', 'safetensors'])('NaN and infinity are refused: .%s', async (extension) => {
  const file = place(`nan.${extension}`);
  await expectNoLeak(async () => {
    const model = alexnet({ layers, inputSize: 2, classes: 3 });
    const values = [0, 1, 2, 3, 4, Number.NaN, 6, -Infinity, 8, 9, 10, 11];
    const changed = [tf.tensor(values, [4, 3]), tf.zeros([3])];
    model.setWeights(changed);
    await saveStateDict(model, file, { layers });
    tf.dispose([model.getWeights(), changed]);
  });
  await expectRefused(
    path.basename(file),
    fs.readFileSync(file),
    /classifier\.0\.weight: 2 of its 12 values are NaN or infinite/,
  );
});

test('another file: the error says what a model is', async () => {
  await expectRefused(
    'notes.json',
    Buffer.from('{"modelTopology": {}}'),
    /want a \.pth or \.safetensors/,
  );
});

/** Changes both sizes of entry `name` in the archive's directory. */
function claiming(zip: Buffer, name: string, size: number): Buffer {
  expect(Object.keys(unzipSync(zip))).toContain(name);
  const entry = zip.lastIndexOf(name) - 46;
  zip.writeUInt32LE(size, entry + 20);
  zip.writeUInt32LE(size, entry + 24);
  return zip;
}
