/** The format of Hugging Face's safetensors: a header in JSON, then the numbers of all tensors end to end. */
import type { FileHandle } from 'node:fs/promises';
import { InputError, messageOf } from '../../errors';
import {
  BYTES,
  product,
  readBytes,
  rowMajor,
  type StateDict,
  type StoredTensor,
  type StoredType,
  shown,
} from './stored';
import { bytesOf, parseInputSize, type TensorSource, writeBytes } from './write';

const TYPES: Record<string, StoredType> = {
  F32: 'float32',
  F16: 'float16',
  BF16: 'bfloat16',
  F64: 'float64',
};

const MAX_HEADER_BYTES = 4 << 20;
/** Our entry in the header's free metadata, which holds texts only. */
const NOTE = 'alexnet';

/** Reads what `file` holds, but not yet the numbers. Throws InputError; the message lacks the path. */
export async function readSafetensors(file: FileHandle): Promise<StateDict> {
  const { size } = await file.stat();
  if (size < 8) throw new InputError(`not safetensors: ${size} bytes, want a header`);
  const prefix = Buffer.alloc(8);
  await readBytes(file, prefix, 0);
  const length = prefix.readBigUInt64LE();
  if (length > size - 8) {
    throw new InputError(
      `not safetensors, or truncated: a header of ${length} bytes in a file of ${size}`,
    );
  }
  if (length > MAX_HEADER_BYTES) {
    throw new InputError(`a header of ${length} bytes, want at most ${MAX_HEADER_BYTES}`);
  }
  const text = Buffer.alloc(Number(length));
  await readBytes(file, text, 8);
  let header: unknown;
  try {
    header = JSON.parse(text.toString('utf8'));
  } catch (error) {
    throw new InputError(`not safetensors: its header is not JSON: ${messageOf(error)}`);
  }
  if (!isObject(header)) throw new InputError('not safetensors: its header is not an object');

  const begin = 8 + Number(length);
  const { __metadata__: metadata, ...entries } = header;
  const tensors = new Map<string, StoredTensor>();
  const ranges: { key: string; start: number; end: number }[] = [];
  for (const [key, entry] of Object.entries(entries)) {
    const { dtype, shape, start, end } = parseEntry(key, entry, size - begin);
    ranges.push({ key, start, end });
    tensors.set(key, { dtype, shape, strides: rowMajor(shape), start: begin + start });
  }
  checkRanges(ranges, size - begin);
  const note = isObject(metadata) ? metadata[NOTE] : undefined;
  return { tensors, inputSize: typeof note === 'string' ? parseInputSize(note) : undefined };
}

function parseEntry(key: string, entry: unknown, dataBytes: number) {
  const fields: Record<string, unknown> = isObject(entry) ? entry : {};
  const { dtype: name, shape, data_offsets: offsets } = fields;
  const dtype = typeof name === 'string' && Object.hasOwn(TYPES, name) ? TYPES[name] : undefined;
  if (!dtype) {
    throw new InputError(
      `${shown(key)} is of dtype ${JSON.stringify(name)}, want one of ${Object.keys(TYPES).join(', ')}`,
    );
  }
  if (!isSizes(shape)) {
    throw new InputError(`${shown(key)} has the shape ${JSON.stringify(shape)}, want sizes`);
  }
  if (!isSizes(offsets) || offsets.length !== 2 || offsets[0] > offsets[1]) {
    throw new InputError(
      `${shown(key)} has the offsets ${JSON.stringify(offsets)}, want [begin, end]`,
    );
  }
  const [start, end] = offsets;
  if (end > dataBytes) {
    throw new InputError(
      `${shown(key)} ends at byte ${end} of the numbers, but there are ${dataBytes}: truncated or damaged`,
    );
  }
  if (end - start !== product(shape) * BYTES[dtype]) {
    throw new InputError(
      `${shown(key)} has ${end - start} bytes, want ${product(shape) * BYTES[dtype]} for [${shape}] of ${dtype}`,
    );
  }
  return { dtype, shape, start, end };
}

/** The tensors must cover all bytes after the header, each once. */
function checkRanges(ranges: { key: string; start: number; end: number }[], bytes: number): void {
  let [last, end] = ['the header', 0];
  for (const range of ranges.sort((a, b) => a.start - b.start || a.end - b.end)) {
    if (range.start < end) {
      throw new InputError(
        `${shown(range.key)} and ${shown(last)} overlap, want each its own bytes`,
      );
    }
    if (range.start > end) {
      throw new InputError(
        `${range.start - end} bytes before ${shown(range.key)} belong to no tensor`,
      );
    }
    [last, end] = [range.key, range.end];
  }
  if (end !== bytes) throw new InputError(`${bytes - end} bytes at its end belong to no tensor`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

/** Writes a file that `safetensors.torch.load_file(path)` reads, one tensor after the other. */
export async function writeSafetensors(
  file: FileHandle,
  tensors: readonly TensorSource[],
  inputSize: number,
): Promise<void> {
  const header: Record<string, unknown> = {
    __metadata__: { format: 'pt', [NOTE]: JSON.stringify({ inputSize }) },
  };
  let end = 0;
  for (const { key, shape } of tensors) {
    const start = end;
    end += 4 * product(shape);
    header[key] = { dtype: 'F32', shape, data_offsets: [start, end] };
  }
  // The numbers begin at a multiple of 8; blanks at the end are allowed for that.
  const json = Buffer.from(JSON.stringify(header));
  const text = Buffer.alloc(8 * Math.ceil(json.length / 8), ' ');
  json.copy(text);
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(text.length));
  await writeBytes(file, prefix);
  await writeBytes(file, text);
  for (const { read } of tensors) await writeBytes(file, bytesOf(await read()));
}
