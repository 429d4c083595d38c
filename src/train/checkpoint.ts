/**
 * A checkpoint: one file with everything that a training needs to go on, and its SHA-256 beside it.
 *
 *     checkpoints/step-00000120.ckpt          8 bytes: the header's length; the header, JSON; float32, little-endian
 *     checkpoints/step-00000120.ckpt.sha256   as the program sha256sum writes and checks it
 *
 * A file gets its name when it is complete and on the disk, and the one before is deleted when the new one has
 * been read back. So whenever the power fails, one of them is whole.
 */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { checkText, InputError, messageOf } from '../errors';

/** Numbers that are read when they are asked for, so that not all of them are in memory at once. */
export interface LazyArray {
  name: string;
  length: number;
  read(): Float32Array;
}

export interface Checkpoint<State> {
  /** Whatever JSON holds. */
  state: State;
  arrays: LazyArray[];
}

const FORMAT = 1;
const MAX_HEADER_BYTES = 256 << 20;
const CHUNK_BYTES = 8 << 20;

/**
 * Writes the checkpoint after `step` updates into `folder` and removes older ones.
 * Throws InputError when it cannot be written; then the ones before are as they were.
 */
export function writeCheckpoint<State>(
  folder: string,
  step: number,
  checkpoint: Checkpoint<State>,
): string {
  const file = path.join(folder, `step-${String(step).padStart(8, '0')}.ckpt`);
  const temporary = `${file}.${process.pid}.tmp`;
  if (isWhole(file)) return file; // of the same step: nothing has happened since
  try {
    fs.mkdirSync(folder, { recursive: true });
    for (const name of fs.readdirSync(folder)) {
      // What a process left that was killed while it wrote.
      if (name.endsWith('.tmp')) fs.rmSync(path.join(folder, name), { force: true });
    }
    const hash = writeFile(temporary, checkpoint);
    const sum = `${file}.sha256`;
    writeDurably(`${sum}.${process.pid}.tmp`, `${hash}  ${path.basename(file)}\n`);
    fs.renameSync(temporary, file);
    fs.renameSync(`${sum}.${process.pid}.tmp`, sum);
    syncFolder(folder);
    if (hashOf(file) !== hash) throw new Error('it reads back differently: is the disk in order?');
  } catch (error) {
    const intact = checkpointFiles(folder).filter((name) => name !== path.basename(file));
    if (fs.existsSync(folder)) for (const name of partsOf(file)) fs.rmSync(name, { force: true });
    const before = intact[0] ? `${intact[0]} is intact` : 'there was none before';
    throw new InputError(`${file}: cannot be written: ${messageOf(error)}; ${before}`);
  }
  for (const name of checkpointFiles(folder)) {
    if (name !== path.basename(file)) removeCheckpoint(path.join(folder, name));
  }
  return file;
}

/**
 * The newest checkpoint in `folder` that is whole; undefined when there is none. Damaged ones are named to
 * `onDamaged`. Its arrays are read from the file when asked for: it must stay there until then.
 */
export function readCheckpoint<State>(
  folder: string,
  onDamaged: (message: string) => void = () => {},
): Checkpoint<State> | undefined {
  checkText('checkpoint folder', folder);
  for (const name of checkpointFiles(folder)) {
    try {
      return readFile<State>(path.join(folder, name));
    } catch (error) {
      onDamaged(messageOf(error));
    }
  }
  return undefined;
}

/** Removes all checkpoints, when the training that they were for has ended. */
export function removeCheckpoints(folder: string): void {
  fs.rmSync(folder, { recursive: true, force: true });
}

/** The names of the checkpoints in `folder`, newest first. */
export function checkpointFiles(folder: string): string[] {
  if (!fs.existsSync(folder)) return [];
  const names = fs.readdirSync(folder).filter((name) => /^step-\d{8,}\.ckpt$/.test(name));
  return names.sort((a, b) => Number(b.slice(5, -5)) - Number(a.slice(5, -5)));
}

function removeCheckpoint(file: string): void {
  fs.rmSync(file, { force: true });
  fs.rmSync(`${file}.sha256`, { force: true });
}

function partsOf(file: string): string[] {
  const sum = `${file}.sha256`;
  return [file, sum, `${file}.${process.pid}.tmp`, `${sum}.${process.pid}.tmp`];
}

function writeFile<State>(file: string, { state, arrays }: Checkpoint<State>): string {
  const sizes = arrays.map(({ name, length }) => ({ name, length }));
  const header = Buffer.from(JSON.stringify({ format: FORMAT, state, arrays: sizes }));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(header.length));
  const hash = createHash('sha256');
  const descriptor = fs.openSync(file, 'w');
  try {
    const write = (bytes: Uint8Array) => {
      hash.update(bytes);
      writeFully(descriptor, bytes);
    };
    write(prefix);
    write(header);
    for (const { name, length, read } of arrays) {
      const values = read();
      if (values.length !== length) throw new Error(`${name} has ${values.length} numbers`);
      write(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    }
    fs.fsyncSync(descriptor);
  } finally {
    fs.closeSync(descriptor);
  }
  return hash.digest('hex');
}

/** `writeSync` may write a part only, as it does when a disk is nearly full. */
function writeFully(descriptor: number, bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length; ) {
    written += fs.writeSync(
      descriptor,
      bytes,
      written,
      Math.min(CHUNK_BYTES, bytes.length - written),
    );
  }
}

function writeDurably(file: string, text: string): void {
  const descriptor = fs.openSync(file, 'w');
  try {
    writeFully(descriptor, Buffer.from(text));
    fs.fsyncSync(descriptor);
  } finally {
    fs.closeSync(descriptor);
  }
}

/** A renamed file is safe when its folder is on the disk too. */
function syncFolder(folder: string): void {
  if (process.platform === 'win32') return;
  const descriptor = fs.openSync(folder, 'r');
  try {
    fs.fsyncSync(descriptor);
  } finally {
    fs.closeSync(descriptor);
  }
}

function hashOf(file: string): string {
  const hash = createHash('sha256');
  const chunk = Buffer.alloc(CHUNK_BYTES);
  const descriptor = fs.openSync(file, 'r');
  try {
    for (;;) {
      const length = fs.readSync(descriptor, chunk);
      if (length === 0) return hash.digest('hex');
      hash.update(chunk.subarray(0, length));
    }
  } finally {
    fs.closeSync(descriptor);
  }
}

/** The checksum beside a file; undefined when there is none. */
function checksumOf(file: string): string | undefined {
  const sum = `${file}.sha256`;
  return fs.existsSync(sum) ? fs.readFileSync(sum, 'utf8').slice(0, 64) : undefined;
}

function isWhole(file: string): boolean {
  const wanted = checksumOf(file);
  return wanted !== undefined && fs.existsSync(file) && hashOf(file) === wanted;
}

function readFile<State>(file: string): Checkpoint<State> {
  const wanted = checksumOf(file);
  if (!wanted) throw new InputError(`${file}: has no checksum beside it: its writing was cut off`);
  if (hashOf(file) !== wanted) {
    throw new InputError(`${file}: damaged: its bytes are not those of its checksum`);
  }
  const { size } = fs.statSync(file);
  const bad = (what: string) => new InputError(`${file}: not a checkpoint: ${what}`);
  if (size < 8) throw bad(`${size} bytes`);
  const headerBytes = Number(readAt(file, 0, 8).readBigUInt64LE());
  if (headerBytes > Math.min(size - 8, MAX_HEADER_BYTES)) {
    throw bad(`a header of ${headerBytes} bytes in ${size}`);
  }
  const header = parse(readAt(file, 8, headerBytes).toString('utf8'), bad);
  let position = 8 + headerBytes;
  const arrays = header.arrays.map(({ name, length }): LazyArray => {
    const start = position;
    position += 4 * length;
    const read = () => {
      const bytes = readAt(file, start, 4 * length);
      return new Float32Array(bytes.buffer, bytes.byteOffset, length);
    };
    return { name, length, read };
  });
  if (position !== size) throw bad(`${size} bytes, want ${position}`);
  return { state: header.state as State, arrays };
}

function parse(
  text: string,
  bad: (what: string) => Error,
): { state: unknown; arrays: { name: string; length: number }[] } {
  let header: Record<string, unknown> | null;
  try {
    header = JSON.parse(text);
  } catch (error) {
    throw bad(`its header is not JSON: ${messageOf(error)}`);
  }
  if (header?.format !== FORMAT) throw bad(`format ${header?.format}, want ${FORMAT}`);
  const { arrays, state } = header;
  const isArray = (each: unknown): each is { name: string; length: number } => {
    const { name, length } = (each ?? {}) as { name?: unknown; length?: unknown };
    return typeof name === 'string' && Number.isSafeInteger(length) && (length as number) >= 0;
  };
  if (!Array.isArray(arrays) || !arrays.every(isArray)) throw bad('its header lists no arrays');
  return { state, arrays };
}

/** Some bytes of a file, in memory of their own that starts at a multiple of 8. */
function readAt(file: string, start: number, length: number): Buffer {
  const bytes = Buffer.from(new ArrayBuffer(length));
  const descriptor = fs.openSync(file, 'r');
  try {
    for (let done = 0; done < length; ) {
      const count = fs.readSync(descriptor, bytes, done, length - done, start + done);
      if (count === 0) throw new InputError(`${file}: ended while it was read`);
      done += count;
    }
  } finally {
    fs.closeSync(descriptor);
  }
  return bytes;
}
