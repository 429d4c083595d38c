/** Decodes many pictures to squares of one size: to memory, or to a file that is kept. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { boolean, listOf, objectOf, size, text } from '../checks';
import { readSquare } from '../decode/index';
import { InputError, messageOf } from '../errors';
import { hashOf, makeFolder, readJson, writeJson } from '../files';
import { turnEventLoop } from '../interrupt';
import { type ProgressListener, progressOf } from '../progress';

/** Changes with how pictures are decoded. */
const VERSION = 1;

interface Decoded {
  /** The pictures that cannot be read, by their number. */
  bad: { index: number; why: string }[];
  /** Whether red, green and blue are equal everywhere. */
  isGrey: boolean;
}
const DECODED = objectOf({ bad: listOf(objectOf({ index: size, why: text })), isGrey: boolean });

/** @returns `pixels` [files, side, side, 3], with zeros in place of bad pictures */
export async function decodeToMemory(
  files: string[],
  side: number,
  onProgress?: ProgressListener,
): Promise<Decoded & { pixels: Uint8Array }> {
  const area = side * side * 3;
  const pixels = new Uint8Array(files.length * area);
  const put = (index: number, picture: Uint8Array) => pixels.set(picture, index * area);
  return { pixels, ...(await decode(files, side, put, onProgress)) };
}

/**
 * The same in a file in the user's cache folder. If these pictures were decoded before and have not changed, it is
 * there already. Throws InputError if it cannot be written.
 */
export async function decodeToFile(
  files: string[],
  side: number,
  onProgress?: ProgressListener,
): Promise<Decoded & { file: string }> {
  const area = side * side * 3;
  const states = files.map((file) => {
    const { size: bytes, mtimeMs } = fs.statSync(file);
    return [path.resolve(file), bytes, mtimeMs];
  });
  const name = hashOf('sha256', Buffer.from(JSON.stringify([VERSION, side, states]))).slice(0, 32);
  const cache = process.env.XDG_CACHE_HOME || path.join(os.homedir(), '.cache');
  const folder = path.join(cache, 'alexnet-mnist-typescript');
  const [file, notes] = ['bin', 'json'].map((type) => path.join(folder, `${name}.${type}`));
  const stored = fs.statSync(file, { throwIfNoEntry: false })?.size;
  if (stored === files.length * area && fs.existsSync(notes)) {
    return { file, ...readJson(notes, DECODED) };
  }
  makeFolder(folder);
  const partial = `${file}.${process.pid}.tmp`;
  try {
    const descriptor = fs.openSync(partial, 'w');
    try {
      const put = (index: number, picture: Uint8Array) =>
        fs.writeSync(descriptor, picture, 0, area, index * area);
      fs.ftruncateSync(descriptor, files.length * area);
      const decoded = await decode(files, side, put, onProgress);
      fs.fsyncSync(descriptor);
      fs.renameSync(partial, file);
      // Last: without it, the file is not used again. What was bad may be mended.
      if (decoded.bad.length === 0) writeJson(notes, decoded);
      return { file, ...decoded };
    } finally {
      fs.closeSync(descriptor);
    }
  } catch (error) {
    fs.rmSync(partial, { force: true });
    if (!(error as NodeJS.ErrnoException).code) throw error; // not from the disk
    const gb = ((files.length * area) / 1e9).toFixed(1);
    throw new InputError(`${file}: ${gb} GB of pixels cannot be written: ${messageOf(error)}`);
  }
}

/** Calls `put` with each picture [side, side, 3]. Decodes as many at a time as there are threads to do it. */
async function decode(
  files: string[],
  side: number,
  put: (index: number, picture: Uint8Array) => void,
  onProgress?: ProgressListener,
): Promise<Decoded> {
  const bad: Decoded['bad'] = [];
  const task = { label: 'Reading pictures', total: files.length, unit: 'image' };
  const report = progressOf(task, onProgress);
  let isGrey = true;
  let [next, done] = [0, 0];
  const work = async () => {
    while (next < files.length) {
      const index = next++;
      try {
        await turnEventLoop();
        const picture = await readSquare(files[index], side);
        isGrey &&= picture.every((value, i) => value === picture[i - (i % 3)]);
        put(index, picture);
      } catch (error) {
        if (!(error instanceof InputError)) {
          next = files.length; // the others end too
          throw error;
        }
        bad.push({ index, why: error.message });
      }
      report(++done);
    }
  };
  // Waits for all, also if one fails: they use the file that the caller then closes.
  const ends = await Promise.allSettled(
    Array.from({ length: 2 * os.availableParallelism() }, work),
  );
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
  return { bad: bad.sort((a, b) => a.index - b.index), isGrey };
}
