/**
 * Downloads a dataset into torchvision's layout: `<to>/MNIST/raw/train-images-idx3-ubyte.gz` and so on. A file gets
 * its name only when size and MD5 are right.
 */
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import zlib from 'node:zlib';
import { InputError, messageOf } from '../errors';
import { hashOfFile } from '../files';
import type { ProgressListener } from '../progress';
import { FetchError, fetchFile } from './fetch';
import { Part } from './part';
import type { DataSource, SourceFile } from './sources';

export interface DownloadOptions {
  /** The root of the layout. Created if it is missing. */
  to: string;
  /** Addresses of folders with the files, tried before the dataset's own mirrors. */
  mirrors?: readonly string[];
  /** Progress in MB over all missing files. */
  onProgress?: ProgressListener;
  /** Called with one line about each file that was renamed. */
  onNotice?: (line: string) => void;
  /** Stops the download. The bytes that arrived are kept. */
  signal?: AbortSignal;
  /** An attempt fails if nothing arrives for this long. Default 20. */
  stallSeconds?: number;
  /** A mirror is given up after this many attempts in a row, each with less than 1/16 of the file. Default 4. */
  attempts?: number;
  /** Wait before the second attempt. It doubles each time. Default 1. */
  backoffSeconds?: number;
}

export interface DownloadedFile extends SourceFile {
  status: 'downloaded' | 'resumed' | 'present';
}

export interface Download {
  /** For example `<to>/FashionMNIST/raw`. */
  folder: string;
  files: DownloadedFile[];
}

/** A mirror that asks for a longer wait is given up. */
const MAX_WAIT_SECONDS = 60;

/**
 * Downloads the missing files of a dataset. Keeps files whose size and MD5 are right, and renames wrong ones to
 * `<name>.wrong`.
 *
 * Throws InputError if a file cannot be downloaded from any mirror, with the reason for each mirror, or if the
 * folder cannot be written. Rejects if `signal` is aborted.
 */
export async function downloadDataset(
  source: DataSource,
  options: DownloadOptions,
): Promise<Download> {
  const { onProgress = () => {}, onNotice = () => {} } = options;
  const mirrors = mirrorsOf([...(options.mirrors ?? []), ...source.mirrors]);
  const folder = path.join(options.to, source.folder, 'raw');
  const place = (file: SourceFile) => path.join(folder, file.name);
  const parts: Part[] = [];
  try {
    fs.mkdirSync(folder, { recursive: true });
    for (const file of source.files) {
      if (!isPresent(place(file), file, onNotice)) parts.push(new Part(place(file), file));
    }
    const report = reporter(source.name, parts, onProgress);
    for (const part of parts) await downloadFile(part, mirrors, options, report);
    for (const file of source.files) renameOther(place(file), onNotice);
  } catch (error) {
    const isOfDisk = (error as NodeJS.ErrnoException).syscall !== undefined;
    throw isOfDisk ? new InputError(`${folder}: ${messageOf(error)}`) : error;
  } finally {
    for (const part of parts) part.release();
  }
  const files = source.files.map((file): DownloadedFile => {
    const part = parts.find(({ want }) => want === file);
    return { ...file, status: !part ? 'present' : part.resumed > 0 ? 'resumed' : 'downloaded' };
  });
  return { folder, files };
}

/** The addresses without duplicates, each ending with a slash. */
function mirrorsOf(addresses: string[]): string[] {
  const wrong = addresses.find((each) => !/^https?:[^@?#]+$/.test(each) || !URL.canParse(each));
  if (wrong !== undefined) {
    throw new InputError(
      `mirror '${wrong}': want the http or https address of the folder with the files`,
    );
  }
  return [...new Set(addresses.map((each) => new URL(each).href.replace(/\/*$/, '/')))];
}

/** Downloads a file, and moves the mirror that delivered it to the front of `mirrors`. */
async function downloadFile(
  part: Part,
  mirrors: string[],
  options: DownloadOptions,
  report: Report,
): Promise<void> {
  const reasons: string[] = [];
  for (const mirror of [...mirrors]) {
    const reason = await tryMirror(part, mirror, options, report);
    if (reason === undefined) {
      mirrors.unshift(...mirrors.splice(mirrors.indexOf(mirror), 1));
      part.commit();
      return;
    }
    reasons.push(`${mirror}: ${reason}`);
  }
  throw new InputError(
    `${part.target}: no mirror delivered it (${reasons.join('; ')}). Check the network, try again later, pass ` +
      'another mirror, or put the file there yourself; the embedded MNIST needs no download',
  );
}

/** Completes `part` from one mirror. Returns why that failed, or undefined if size and MD5 are right. */
async function tryMirror(
  part: Part,
  mirror: string,
  options: DownloadOptions,
  report: Report,
): Promise<string | undefined> {
  const { signal, stallSeconds = 20, attempts = 4, backoffSeconds = 1 } = options;
  const { name, bytes, md5 } = part.want;
  for (let failures = 0; ; ) {
    const before = part.length;
    try {
      report(name);
      const pieces = fetchFile(new URL(name, mirror), before, bytes, stallSeconds, signal);
      for await (const { position, piece } of pieces) {
        if (position === 0) part.clear();
        part.append(piece);
        report(name);
      }
      const found = part.md5();
      if (found === md5) return undefined;
      part.clear();
      // The wrong bytes may be those of an earlier attempt: then start over.
      throw new FetchError(`MD5 ${found}, want ${md5}`, before > 0 ? 0 : undefined);
    } catch (error) {
      if (!(error instanceof FetchError)) throw error;
      const { message, retryAfter } = error;
      failures = part.length - before >= bytes / 16 ? 1 : failures + 1;
      if (retryAfter === undefined || retryAfter > MAX_WAIT_SECONDS || failures >= attempts) {
        return failures > 1 ? `${message} (${failures} attempts)` : message;
      }
      const wait = Math.max(retryAfter, backoffSeconds * 2 ** (failures - 1));
      await sleep(1000 * wait, undefined, { signal });
    }
  }
}

type Report = (fileName: string) => void;

/** Progress in MB over all files, without the bytes of an earlier run: they would distort the speed. */
function reporter(label: string, parts: Part[], onProgress: ProgressListener): Report {
  const startTime = performance.now();
  return (details) => {
    let [done, total] = [0, 0];
    for (const { length, resumed, want } of parts) {
      done += length - resumed;
      total += want.bytes - resumed;
    }
    if (total === 0) return;
    const tenths = Math.ceil(total / 1e5);
    onProgress({
      label,
      // Rounded down, so that it reaches the total only at the end.
      done: Math.floor((tenths * done) / total) / 10,
      total: tenths / 10,
      unit: 'MB',
      seconds: (performance.now() - startTime) / 1000,
      details,
    });
  };
}

/** Whether the right file exists. A wrong one is renamed, so that nothing reads it. */
function isPresent(target: string, want: SourceFile, notice: (line: string) => void): boolean {
  const isRight = unlessMissing(() => {
    const { size } = fs.statSync(target);
    const md5 = size === want.bytes ? hashOfFile('md5', target) : undefined;
    if (md5 === want.md5) return true;
    fs.renameSync(target, `${target}.wrong`);
    const problem = md5 ? `MD5 ${md5}, want ${want.md5}` : `${size} bytes, want ${want.bytes}`;
    notice(`${target}: ${problem}: renamed to ${want.name}.wrong, downloading it again`);
    return false;
  });
  return isRight ?? false;
}

/** Renames an unpacked file that differs from the packed one, because `loadImages` would prefer it. */
function renameOther(packed: string, notice: (line: string) => void): void {
  const plain = packed.replace(/\.gz$/, '');
  unlessMissing(() => {
    if (fs.readFileSync(plain).equals(zlib.gunzipSync(fs.readFileSync(packed)))) return;
    fs.renameSync(plain, `${plain}.wrong`);
    const [from, to] = [path.basename(packed), `${path.basename(plain)}.wrong`];
    notice(`${plain}: differs from ${from}: renamed to ${to}`);
  });
}

/** The result of `action`, or undefined if a file is missing: another process may rename it at any time. */
function unlessMissing<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
