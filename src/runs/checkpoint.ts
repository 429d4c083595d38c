/**
 * A checkpoint: one file with everything that a training run needs to continue, next to a file with its SHA-256.
 *
 *     checkpoints/step-00000120.ckpt          8 bytes: length of the header; header, JSON; float32, little-endian
 *     checkpoints/step-00000120.ckpt.sha256   in the format of the sha256sum program
 *
 * A file gets its name only when it is complete and flushed to disk. The previous checkpoint is deleted only
 * after the new one has been read back, so there is always an intact one, even after a power cut.
 */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { type Check, type Checked, listOf, number, objectOf, text, wholeNumber } from '../checks';
import { InputError, messageOf } from '../errors';
import { bytesOf, hashOfFile, removeTemporary, replaceFile } from '../files';

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

/**
 * Writes the checkpoint after `step` steps into `folder`, which must exist, and deletes older ones.
 * Throws InputError if it cannot be written, and then keeps the older ones.
 */
export function writeCheckpoint<State>(
  folder: string,
  step: number,
  checkpoint: Checkpoint<State>,
): void {
  const name = `step-${String(step).padStart(8, '0')}.ckpt`;
  const file = path.join(folder, name);
  if (isIntact(file)) return; // there has been no step since
  const others = checkpointFiles(folder).filter((other) => other !== name);
  try {
    removeTemporary(folder);
    let hash = '';
    replaceFile(file, (temporary) => {
      hash = writeParts(temporary, checkpoint);
    });
    replaceFile(checksumFile(file), `${hash}  ${name}\n`);
    if (!isIntact(file)) {
      throw new InputError(`${file}: reads back differently from what was written: check the disk`);
    }
  } catch (error) {
    removeCheckpoint(file);
    const earlier = others[0] ? `${others[0]} is intact` : 'there is no earlier checkpoint';
    throw new InputError(`${messageOf(error)}; ${earlier}`);
  }
  for (const other of others) removeCheckpoint(path.join(folder, other));
}

/**
 * The newest intact checkpoint in `folder`, or undefined. Calls `onDamaged` for each damaged one. The arrays are
 * read from the file when needed, so keep the file until then.
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
  const names = fs.readdirSync(folder).filter((name) => /^step-\d{8}\.ckpt$/.test(name));
  return names.sort().reverse();
}

const checksumFile = (file: string) => `${file}.sha256`;

function removeCheckpoint(file: string): void {
  for (const part of [file, checksumFile(file)]) fs.rmSync(part, { force: true });
}

/** Writes a checkpoint file and returns its SHA-256. */
function writeParts<State>(file: string, { state, arrays }: Checkpoint<State>): string {
  const sizes = arrays.map(({ name, length }) => ({ name, length }));
  const header = Buffer.from(JSON.stringify({ format: FORMAT, state, arrays: sizes }));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(header.length));
  const hash = createHash('sha256');
  const descriptor = fs.openSync(file, 'w');
  const write = (bytes: Uint8Array) => {
    hash.update(bytes);
    fs.writeFileSync(descriptor, bytes);
  };
  try {
    write(prefix);
    write(header);
    for (const { read } of arrays) write(bytesOf(read()));
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
  if (!checksumOf(file)) throw new InputError(`${file}: has no checksum: writing it was cut off`);
  if (!isIntact(file)) throw new InputError(`${file}: damaged: does not match its checksum`);
  const { size } = fs.statSync(file);
  const bad = (what: string) => new InputError(`${file}: not a checkpoint: ${what}`);
  const form = objectOf({
    format: number,
    state,
    arrays: listOf(objectOf({ name: text, length: wholeNumber })),
  });
  const headerBytes = Number(readAt(file, 0, 8).readBigUInt64LE());
  if (headerBytes > size) throw bad(`a header of ${headerBytes} bytes in a file of ${size}`);
  let header: Checked<typeof form>;
  try {
    header = JSON.parse(readAt(file, 8, headerBytes).toString('utf8'));
  } catch (error) {
    throw bad(`its header is not JSON: ${messageOf(error)}`);
  }
  const problem = form.problem(header, 'header');
  if (problem) throw bad(problem);
  if (header.format !== FORMAT) throw bad(`format ${header.format}, want ${FORMAT}`);
  let position = 8 + headerBytes;
  const arrays = header.arrays.map(({ name, length }): LazyArray => {
    const start = position;
    position += 4 * length;
    return { name, length, read: () => new Float32Array(readAt(file, start, 4 * length).buffer) };
  });
  if (position !== size) throw bad(`${size} bytes, want ${position}`);
  return { state: header.state, arrays };
}

/** Some bytes of a file, in a buffer of their own. */
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
