/** What both formats need for writing. */
import fs from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import path from 'node:path';
import { InputError, messageOf } from '../../errors';

/** A float32 tensor in PyTorch's order that is fetched when its turn comes. */
export interface TensorSource {
  key: string;
  shape: readonly number[];
  read(): Promise<Float32Array>;
}

export function bytesOf(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

export async function writeBytes(file: FileHandle, bytes: Uint8Array): Promise<void> {
  let done = 0;
  while (done < bytes.length) done += (await file.write(bytes, done)).bytesWritten;
}

/** Writes a file through `write`. It appears whole or not at all; one that is there already is replaced. */
export async function replaceFile(
  target: string,
  write: (file: FileHandle) => Promise<void>,
): Promise<void> {
  const temporary = `${path.resolve(target)}.${process.pid}.tmp`;
  try {
    fs.mkdirSync(path.dirname(temporary), { recursive: true });
    const file = await open(temporary, 'w');
    try {
      await write(file);
    } finally {
      await file.close();
    }
    fs.renameSync(temporary, target);
  } catch (error) {
    if (fs.existsSync(temporary)) fs.rmSync(temporary);
    throw new InputError(`${target}: the model cannot be saved: ${messageOf(error)}`);
  }
}

/** The input size out of a note that we wrote beside the weights, `{"inputSize":227}`. */
export function parseInputSize(note: string): number {
  let size: unknown;
  try {
    size = JSON.parse(note)?.inputSize;
  } catch {}
  if (typeof size === 'number' && Number.isInteger(size) && size > 0) return size;
  throw new InputError(`its note of the input size is ${JSON.stringify(note)}, want a size`);
}
