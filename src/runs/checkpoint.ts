/**
 * A checkpoint: one file with everything that a training needs to continue, and its SHA-256 beside it.
 *
 *     checkpoints/step-00000120.ckpt          8 bytes: length of the header; header, JSON; float32, little-endian
 *     checkpoints/step-00000120.ckpt.sha256   in the format of the sha256sum program
 *
 * A file appears under its name only when it is complete and flushed to disk. The previous checkpoint is
 * deleted only after the new one has been read back, so there is always an intact one, even after a power cut.
 */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { type Check, listOf, number, objectOf, text, wholeNumber } from '../checks';
import { InputError, messageOf } from '../errors';
import { hashOfFile, makeFolder, replaceFile } from '../files';

/** Numbers that are read only when needed, so that they are not all in memory at once. */
export interface LazyArray {
  name: string;
  length: number;
  read(): Float32Array;
}

export interface Checkpoint<State> {
  /** A JSON value. */
  state: State;
  arrays: LazyArray[];
}

const FORMAT = 1;
const MAX_HEADER_BYTES = 256 << 20;
const CHUNK_BYTES = 8 << 20;

/**
 * Writes the checkpoint after `step` steps into `folder` and deletes older ones. Returns its path.
 * Throws InputError if it cannot be written; older ones then stay.
 */
export function writeCheckpoint<State>(
  folder: string,
  step: number,
  checkpoint: Checkpoint<State>,
): string {
  const file = path.join(folder, `step-${String(step).padStart(8, '0')}.ckpt`);
  if (isIntact(file)) return file; // no step has been made since
  try {
    makeFolder(folder);
    removeLeftovers(folder);
    let hash = '';
    replaceFile(file, (temporary) => {
      hash = writeParts(temporary, checkpoint);
    });
    replaceFile(checksumFile(file), `${hash}  ${path.basename(file)}\n`);
    if (!isIntact(file)) {
      throw new InputError(`${file}: reads back differently from what was written: check the disk`);
    }
  } catch (error) {
    const [intact] = checkpointFiles(folder).filter((name) => name !== path.basename(file));
    removeCheckpoint(file);
    const earlier = intact ? `${intact} is intact` : 'there is no earlier checkpoint';
    throw new InputError(`${messageOf(error)}; ${earlier}`);
  }
  for (const name of checkpointFiles(folder)) {
    if (name !== path.basename(file)) removeCheckpoint(path.join(folder, name));
  }
  return file;
}

/**
 * The newest intact checkpoint in `folder`, or undefined. Damaged ones are reported to `onDamaged`. The arrays
 * are read from the file on demand: keep it until then.
 */
export function readCheckpoint<State>(
  folder: string,
  state: Check<State>,
  onDamaged: (message: string) => void = () => {},
): Checkpoint<State> | undefined {
  for (const name of checkpointFiles(folder)) {
    try {
      return readFile(path.join(folder, name), state);
    } catch (error) {
      onDamaged(messageOf(error));
    }
  }
  return undefined;
}

/** The names of the checkpoints in `folder`, newest first. */
export function checkpointFiles(folder: string): string[] {
  if (!fs.existsSync(folder)) return [];
  const names = fs.readdirSync(folder).filter((name) => /^step-\d{8,}\.ckpt$/.test(name));
  return names.sort((a, b) => Number(b.slice(5, -5)) - Number(a.slice(5, -5)));
}

const checksumFile = (file: string) => `${file}.sha256`;

function removeCheckpoint(file: string): void {
  if (!fs.existsSync(path.dirname(file))) return;
  for (const part of [file, checksumFile(file)]) fs.rmSync(part, { force: true });
}

/** Deletes temporary files of a process that was killed while it wrote. */
function removeLeftovers(folder: string): void {
  for (const name of fs.readdirSync(folder)) {
    if (name.endsWith('.tmp')) fs.rmSync(path.join(folder, name), { force: true });
  }
}

/** Returns the SHA-256 of what was written. */
function writeParts<State>(file: string, { state, arrays }: Checkpoint<State>): string {
  const sizes = arrays.map(({ name, length }) => ({ name, length }));
  const header = Buffer.from(JSON.stringify({ format: FORMAT, state, arrays: sizes }));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(header.length));
  const hash = createHash('sha256');
  const descriptor = fs.openSync(file, 'w');
  const write = (bytes: Uint8Array) => {
    hash.update(bytes);
    // A nearly full disk may take a part only.
    for (let done = 0; done < bytes.length; ) {
      const length = Math.min(CHUNK_BYTES, bytes.length - done);
      done += fs.writeSync(descriptor, bytes, done, length);
    }
  };
  try {
    write(prefix);
    write(header);
    for (const { read } of arrays) {
      const values = read();
      write(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    }
  } finally {
    fs.closeSync(descriptor);
  }
  return hash.digest('hex');
}

function isIntact(file: string): boolean {
  const wanted = checksumOf(file);
  return wanted !== undefined && fs.existsSync(file) && hashOfFile('sha256', file) === wanted;
}

function checksumOf(file: string): string | undefined {
  const sum = checksumFile(file);
  return fs.existsSync(sum) ? fs.readFileSync(sum, 'utf8').slice(0, 64) : undefined;
}

function readFile<State>(file: string, state: Check<State>): Checkpoint<State> {
  if (!checksumOf(file)) {
    throw new InputError(`${file}: has no checksum beside it: writing it was cut off`);
  }
  if (!isIntact(file)) throw new InputError(`${file}: damaged: does not match its checksum`);
  const { size } = fs.statSync(file);
  const bad = (what: string) => new InputError(`${file}: not a checkpoint: ${what}`);
  if (size < 8) throw bad(`only ${size} bytes`);
  const headerBytes = Number(readAt(file, 0, 8).readBigUInt64LE());
  if (headerBytes > Math.min(size - 8, MAX_HEADER_BYTES)) {
    throw bad(`a header of ${headerBytes} bytes in a file of ${size}`);
  }
  let header: unknown;
  try {
    header = JSON.parse(readAt(file, 8, headerBytes).toString('utf8'));
  } catch (error) {
    throw bad(`its header is not JSON: ${messageOf(error)}`);
  }
  const form = objectOf({
    format: number,
    state,
    arrays: listOf(objectOf({ name: text, length: wholeNumber })),
  });
  const problem = form.problem(header, 'header');
  if (problem) throw bad(problem);
  const found = header as {
    format: number;
    state: State;
    arrays: { name: string; length: number }[];
  };
  if (found.format !== FORMAT) throw bad(`format ${found.format}, want ${FORMAT}`);
  let position = 8 + headerBytes;
  const arrays = found.arrays.map(({ name, length }): LazyArray => {
    const start = position;
    position += 4 * length;
    const read = () => {
      const bytes = readAt(file, start, 4 * length);
      return new Float32Array(bytes.buffer, bytes.byteOffset, length);
    };
    return { name, length, read };
  });
  if (position !== size) throw bad(`${size} bytes, want ${position}`);
  return { state: found.state, arrays };
}

/** Some bytes of a file, in a buffer of their own, which aligns them for a Float32Array. */
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
