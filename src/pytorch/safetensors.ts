/** Hugging Face's safetensors format: a JSON header, then the numbers of all tensors without gaps. */
import type { FileHandle } from 'node:fs/promises';
import { check, listOf, nullable, objectOf, oneOf, optional, size, text } from '../checks';
import { InputError } from '../errors';
import {
  BYTES,
  NOTE,
  type Note,
  parseJson,
  product,
  quoted,
  readBytes,
  rowMajor,
  type StoredTensor,
  type TensorSource,
  type WeightsFile,
} from './tensors';

const TYPES = {
  F32: 'float32',
  F16: 'float16',
  BF16: 'bfloat16',
  F64: 'float64',
  I64: 'int64',
} as const;

/** The metadata maps names to texts. Ours contain a note. */
const HEADER = objectOf({
  __metadata__: optional(nullable(objectOf({ alexnet: optional(text) }))),
});
const ENTRY = objectOf({
  dtype: oneOf(Object.keys(TYPES) as (keyof typeof TYPES)[]),
  shape: listOf(size),
  data_offsets: listOf(size),
});

const MAX_HEADER_BYTES = 4 << 20;

/** Reads the list of tensors, but not their numbers. Throws InputError without the path in its message. */
export async function readSafetensors(file: FileHandle): Promise<WeightsFile> {
  const fileBytes = (await file.stat()).size;
  if (fileBytes < 8) throw new InputError(`not safetensors: ${fileBytes} bytes, want a header`);
  const length = (await readBytes(file, Buffer.alloc(8), 0)).readBigUInt64LE();
  if (length > fileBytes - 8) {
    throw new InputError(
      `not safetensors, or truncated: a header of ${length} bytes in a file of ${fileBytes}`,
    );
  }
  if (length > MAX_HEADER_BYTES) {
    throw new InputError(`a header of ${length} bytes, want at most ${MAX_HEADER_BYTES}`);
  }
  const begin = 8 + Number(length);
  const json = await readBytes(file, Buffer.alloc(begin - 8), 8);
  const { __metadata__: metadata, ...entries } = parseJson(json, HEADER, 'the header');
  const sorted = Object.entries(entries)
    .map(([key, entry]) => ({ key, ...check(ENTRY, entry, quoted(key)) }))
    .sort((a, b) => a.data_offsets[0] - b.data_offsets[0]);
  const tensors = new Map<string, StoredTensor>();
  // The tensors must cover every byte after the header exactly once.
  let end = 0;
  for (const { key, dtype: type, shape, data_offsets: offsets } of sorted) {
    const start = end;
    const dtype = TYPES[type];
    end += product(shape) * BYTES[dtype];
    if (offsets.join() !== [start, end].join()) {
      throw new InputError(
        `${quoted(key)} has the data_offsets [${offsets}], want [${start},${end}] for [${shape}] of ${dtype}`,
      );
    }
    tensors.set(key, { dtype, shape, strides: rowMajor(shape), start: begin + start });
  }
  if (begin + end !== fileBytes) {
    throw new InputError(
      `truncated or damaged: ${fileBytes - begin} bytes of numbers, want ${end}`,
    );
  }
  const note = metadata?.alexnet;
  const dict = { name: '', tensors, place: (key: string) => tensors.get(key)! };
  return { dicts: [dict], note: note ? parseJson(note, NOTE, 'its note') : undefined };
}

/** Yields a file that `safetensors.torch.load_file(path)` reads. Fetches one tensor at a time. */
export async function* safetensorsBytes(
  tensors: readonly TensorSource[],
  note: Note,
): AsyncIterable<NodeJS.ArrayBufferView> {
  const header: Record<string, unknown> = {
    __metadata__: { format: 'pt', alexnet: JSON.stringify(note) },
  };
  let end = 0;
  // Numbers of 8 bytes come first, so that all are aligned.
  const sorted = [...tensors].sort((a, b) => BYTES[b.dtype] - BYTES[a.dtype]);
  for (const { key, dtype, shape } of sorted) {
    const start = end;
    end += BYTES[dtype] * product(shape);
    const type = dtype === 'int64' ? 'I64' : 'F32';
    header[key] = { dtype: type, shape, data_offsets: [start, end] };
  }
  // The numbers must begin at a multiple of 8. Blanks at the end of the header fill the gap.
  const json = Buffer.from(JSON.stringify(header));
  const padded = Buffer.alloc(8 * Math.ceil(json.length / 8), ' ');
  json.copy(padded);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  yield length;
  yield padded;
  for (const { read } of sorted) yield await read();
}
