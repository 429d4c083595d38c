/**
 * Writes files so that they survive a crash: under a temporary name, then flushed to disk, then renamed. Also locks
 * and hashes. All lasting files of the project are written with these functions.
 */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import type { Check } from './checks';
import { InputError, messageOf } from './errors';

/**
 * Creates or replaces a file. `content` is the content, or a function that writes it to the path it gets. The file
 * appears complete or not at all. Throws InputError if it cannot be written, and then keeps the older file.
 */
export function replaceFile(
  file: string,
  content: string | Uint8Array | ((temporary: string) => void),
): void {
  const temporary = temporaryName(file);
  try {
    if (typeof content === 'function') content(temporary);
    else fs.writeFileSync(temporary, content);
    commit(temporary, file);
  } catch (error) {
    throw notWritten(file, temporary, error);
  }
}

/** The same for a file or a folder that `write` writes asynchronously. Creates the parent folder too. */
export async function replacePath(
  target: string,
  write: (temporary: string) => Promise<unknown>,
): Promise<void> {
  const resolved = path.resolve(target); // without a slash at the end
  const temporary = temporaryName(resolved);
  try {
    fs.mkdirSync(path.dirname(temporary), { recursive: true });
    await write(temporary);
    commit(temporary, resolved);
  } catch (error) {
    throw notWritten(target, temporary, error);
  }
}

/** Deletes what killed processes left in `folder` while they wrote. The caller holds its lock. */
export function removeTemporary(folder: string): void {
  for (const name of fs.readdirSync(folder).filter((each) => /\.\d+\.tmp(\.old)?$/.test(each))) {
    fs.rmSync(path.join(folder, name), { recursive: true, force: true });
  }
}

/** The process ID keeps the files of two processes apart. */
function temporaryName(file: string): string {
  return `${file}.${process.pid}.tmp`;
}

function commit(temporary: string, target: string): void {
  const isFolder = fs.statSync(temporary).isDirectory();
  if (isFolder) {
    for (const name of fs.readdirSync(temporary)) flush(path.join(temporary, name));
  }
  flush(temporary);
  // A folder cannot be renamed to an existing name, so the old folder is renamed first and deleted last.
  const old = `${temporary}.old`;
  fs.rmSync(old, { recursive: true, force: true }); // left by a killed process of the same number
  if (isFolder && fs.existsSync(target)) fs.renameSync(target, old);
  fs.renameSync(temporary, target);
  flush(path.dirname(target));
  fs.rmSync(old, { recursive: true, force: true });
}

function notWritten(target: string, temporary: string, error: unknown): InputError {
  // If a parent of `temporary` is a file, `rmSync` would throw even with `force`.
  if (fs.existsSync(temporary)) fs.rmSync(temporary, { recursive: true, force: true });
  return new InputError(`${target}: cannot be written: ${messageOf(error)}`);
}

/** Waits until a file, or the list of names in a folder, is on the disk. */
export function flush(place: string): void {
  const descriptor = fs.openSync(place, 'r');
  try {
    fs.fsyncSync(descriptor);
  } finally {
    fs.closeSync(descriptor);
  }
}

/** Creates `folder` if it is missing. Throws InputError if it is a file or cannot be written. */
export function makeFolder(folder: string): void {
  if (fs.existsSync(folder) && !fs.statSync(folder).isDirectory()) {
    throw new InputError(`${folder}: is a file, want a folder`);
  }
  try {
    fs.mkdirSync(folder, { recursive: true });
    fs.accessSync(folder, fs.constants.W_OK);
  } catch (error) {
    throw new InputError(`${folder}: cannot be written: ${messageOf(error)}`);
  }
}

/** Creates or replaces a JSON file, and creates its folder if it is missing. */
export function writeJson(file: string, value: unknown): void {
  makeFolder(path.dirname(file));
  replaceFile(file, `${JSON.stringify(value, null, 2)}\n`);
}

/** Reads a JSON file. Throws InputError if it cannot be read, is not JSON, or does not pass `wanted`. */
export function readJson<T>(file: string, wanted: Check<T>): T {
  let value: unknown;
  try {
    value = JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch (error) {
    throw new InputError(`${file}: cannot be read: ${messageOf(error)}`);
  }
  const problem = wanted.problem(value, 'content');
  if (problem) throw new InputError(`${file}: damaged: ${problem}`);
  return value as T;
}

type HashName = 'md5' | 'sha256';

/** The bytes of an array of numbers, without copying. */
export function bytesOf({ buffer, byteOffset, byteLength }: NodeJS.TypedArray): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** The hash of some bytes, in hexadecimal. */
export function hashOf(algorithm: HashName, bytes: Uint8Array): string {
  return hashOfParts(algorithm, [bytes]);
}

/** The same for bytes that come one part after another. */
export function hashOfParts(algorithm: HashName, parts: Iterable<Uint8Array>): string {
  const hash = createHash(algorithm);
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}

/** The hash of a file in hexadecimal. Reads the file in pieces. */
export function hashOfFile(algorithm: HashName, file: string): string {
  const hash = createHash(algorithm);
  const piece = Buffer.alloc(8 << 20);
  const descriptor = fs.openSync(file, 'r');
  try {
    for (;;) {
      const length = fs.readSync(descriptor, piece);
      if (length === 0) return hash.digest('hex');
      hash.update(piece.subarray(0, length));
    }
  } finally {
    fs.closeSync(descriptor);
  }
}

/**
 * Locks a folder and returns a function that releases the lock. A lock of a process that has died is ignored.
 * Throws InputError if a running process holds the lock: `<folder>: process 12 <doing>`.
 */
export function lockFolder(folder: string, doing: string): () => void {
  const file = path.join(folder, '.lock');
  const mine = `${file}.${process.pid}`;
  const me = `${process.pid} ${startOf(process.pid)}`;
  fs.writeFileSync(mine, me);
  try {
    while (!link(mine, file)) {
      const owner = textOf(file);
      const [pid, start] = owner.split(' ');
      // Process IDs are reused, so the start time is compared too.
      if (owner && isAlive(Number(pid)) && startOf(Number(pid)) === start) {
        const who = Number(pid) === process.pid ? 'this process' : `process ${pid}`;
        throw new InputError(`${folder}: ${who} ${doing}`);
      }
      fs.rmSync(file, { force: true });
    }
  } finally {
    fs.rmSync(mine, { force: true });
  }
  const release = () => {
    if (textOf(file) === me) fs.rmSync(file, { force: true });
  };
  process.once('exit', release);
  return () => {
    process.removeListener('exit', release);
    release();
  };
}

/** Returns false if the name `to` is taken. A hard link appears with its content, unlike a new file. */
function link(from: string, to: string): boolean {
  try {
    fs.linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return false;
  }
}

/** Whether a process is running. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** When a process started, in clock ticks since boot; `-` without Linux's /proc. */
function startOf(pid: number): string {
  const stat = textOf(`/proc/${pid}/stat`);
  // The second field is the program's name in brackets, and may contain spaces.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '-';
}

function textOf(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
