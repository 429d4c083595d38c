/**
 * Downloads a dataset into torchvision's layout: `<to>/MNIST/raw/train-images-idx3-ubyte.gz` and so on.
 *
 * A file gets its name only when size and MD5 are right. Until then each process writes its own `.part` file, so
 * several processes can download at once without a lock. The next run continues the file of an interrupted one.
 */
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import zlib from 'node:zlib';
import { InputError, messageOf } from '../errors';
import { hashOfFile } from '../files';
import type { ProgressListener } from '../progress';
import { FetchError, fetchInto } from './fetch';
import { onDisk, Part } from './part';
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
  /** An attempt fails if less than 1 KiB per second arrives for this long. Default 20. */
  stallSeconds?: number;
  /** A mirror is given up after this many attempts in a row, each with less than 1/16 of the file. Default 4. */
  attempts?: number;
  /** Wait before the second attempt. It doubles each time, plus up to half of it at random. Default 1. */
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
  const mirrors = mirrorsOf([...(options.mirrors ?? []), ...source.mirrors]);
  const folder = path.join(options.to, source.folder, 'raw');
  onDisk(folder, () => fs.mkdirSync(folder, { recursive: true }));
  const notice = options.onNotice ?? (() => {});

  const missing = source.files.filter((file) => !isPresent(folder, file, notice));
  const report = meter(source.name, missing, options.onProgress);
  const files: DownloadedFile[] = [];
  for (const file of source.files) {
    let status: DownloadedFile['status'] = 'present';
    if (missing.includes(file)) {
      // Check again: another process may have downloaded it by now.
      if (!isPresent(folder, file, notice)) {
        status = await downloadFile(folder, file, mirrors, options, report);
      }
      report(file, file.bytes);
    }
    checkUnpacked(path.join(folder, file.name), notice);
    files.push({ ...file, status });
  }
  return { folder, files };
}

/** The addresses without duplicates, each ending with a slash. */
function mirrorsOf(addresses: string[]): string[] {
  const urls = addresses.map((address) => {
    const url = URL.canParse(address) ? new URL(address) : undefined;
    if (!url || !/^https?:$/.test(url.protocol) || url.username || url.search || url.hash) {
      throw new InputError(
        `mirror '${address}': want the http or https address of the folder with the files`,
      );
    }
    return url.href.replace(/\/*$/, '/');
  });
  return [...new Set(urls)];
}

type Report = (file: SourceFile, length: number) => void;

/** Progress over all missing files. */
function meter(label: string, missing: SourceFile[], onProgress?: ProgressListener): Report {
  const startTime = performance.now();
  const lengths = new Map<SourceFile, { old: number; now: number }>();
  return (file, now) => {
    // Do not count the bytes of an earlier run: they would distort the speed and the remaining time.
    lengths.set(file, { old: Math.min(lengths.get(file)?.old ?? now, now), now });
    let [done, total] = [0, 0];
    for (const each of missing) {
      const { old, now } = lengths.get(each) ?? { old: 0, now: 0 };
      done += now - old;
      total += each.bytes - old;
    }
    if (total === 0) return;
    const totalMB = Math.ceil(total / 1e5) / 10;
    onProgress?.({
      label,
      // Round down, so that it reaches the total only at the end.
      done: done < total ? Math.floor(done / 1e5) / 10 : totalMB,
      total: totalMB,
      unit: 'MB',
      seconds: (performance.now() - startTime) / 1000,
      details: file.name,
    });
  };
}

/** Also moves the mirror that delivered the file to the front of `mirrors`. */
async function downloadFile(
  folder: string,
  file: SourceFile,
  mirrors: string[],
  options: DownloadOptions,
  report: Report,
): Promise<'downloaded' | 'resumed'> {
  const part = new Part(folder, file);
  const onBytes = () => report(file, part.length);
  const reasons: string[] = [];
  try {
    onBytes();
    for (const mirror of [...mirrors]) {
      const reason = await tryMirror(part, mirror, options, onBytes);
      if (reason === undefined) {
        mirrors.unshift(...mirrors.splice(mirrors.indexOf(mirror), 1));
        part.commit();
        return part.isResumed ? 'resumed' : 'downloaded';
      }
      reasons.push(`${mirror}: ${reason}`);
    }
    throw new InputError(
      `${path.join(folder, file.name)}: no mirror delivered it (${reasons.join('; ')}). Try again later, pass ` +
        'another mirror, or put the file there yourself; the embedded MNIST needs no download',
    );
  } catch (error) {
    part.release();
    throw error;
  }
}

/** Completes `part` from one mirror. Returns why that failed, or undefined if size and MD5 are right. */
async function tryMirror(
  part: Part,
  mirror: string,
  options: DownloadOptions,
  onBytes: () => void,
): Promise<string | undefined> {
  const { signal, stallSeconds = 20, attempts = 4, backoffSeconds = 1 } = options;
  const { want } = part;
  part.isMixed = part.length > 0;
  for (let failures = 0; ; ) {
    const before = part.length;
    try {
      if (part.length < want.bytes) {
        await fetchInto(part, new URL(want.name, mirror), { stallSeconds, signal, onBytes });
      }
      const md5 = part.md5();
      if (md5 === want.md5) return undefined;
      const { isMixed } = part;
      part.clear();
      // The wrong bytes may come from an earlier run or another mirror: then start over.
      if (!isMixed) return `MD5 ${md5}, want ${want.md5}`;
    } catch (error) {
      if (!(error instanceof FetchError)) throw error;
      const { message, retryAfter } = error;
      failures = part.length - before >= want.bytes / 16 ? 1 : failures + 1;
      if (retryAfter !== undefined && retryAfter > MAX_WAIT_SECONDS) {
        return `${message}, retry after ${Math.ceil(retryAfter)} s`;
      }
      if (retryAfter === undefined || failures >= attempts) {
        return failures > 1 ? `${message} (${failures} attempts)` : message;
      }
      const backoff = backoffSeconds * 2 ** (failures - 1) * (1 + Math.random() / 2);
      const wait = Math.max(retryAfter, Math.min(backoff, MAX_WAIT_SECONDS));
      await sleep(1000 * wait, undefined, { signal });
    }
  }
}

/** Whether the right file exists. A wrong one is renamed, so that nothing reads it. */
function isPresent(folder: string, file: SourceFile, notice: (line: string) => void): boolean {
  const target = path.join(folder, file.name);
  const aside = `${target}.wrong`;
  const present = unlessMissing(target, () => {
    const problem = problemOf(target, file);
    if (!problem) return true;
    fs.renameSync(target, aside);
    // Another process may have replaced the wrong file just before it was renamed.
    if (!problemOf(aside, file)) {
      fs.renameSync(aside, target);
      return true;
    }
    notice(`${target}: ${problem}: renamed to ${path.basename(aside)}, downloading it again`);
    return false;
  });
  return present ?? false;
}

function problemOf(file: string, want: SourceFile): string | undefined {
  const stat = fs.statSync(file);
  if (!stat.isFile()) throw new InputError('not a file');
  if (stat.size !== want.bytes) return `${stat.size} bytes, want ${want.bytes}`;
  const md5 = hashOfFile('md5', file);
  return md5 === want.md5 ? undefined : `MD5 ${md5}, want ${want.md5}`;
}

/** Renames an unpacked file that differs from the packed one, because `loadImages` would prefer it. */
function checkUnpacked(packed: string, notice: (line: string) => void): void {
  const plain = packed.replace(/\.gz$/, '');
  if (plain === packed || !fs.existsSync(plain)) return;
  unlessMissing(plain, () => {
    if (fs.readFileSync(plain).equals(zlib.gunzipSync(fs.readFileSync(packed)))) return;
    fs.renameSync(plain, `${plain}.wrong`);
    const [from, to] = [path.basename(packed), `${path.basename(plain)}.wrong`];
    notice(`${plain}: differs from ${from}: renamed to ${to}`);
  });
}

/** The result of `action`, or undefined if a file is missing: another process may rename it at any time. */
function unlessMissing<T>(file: string, action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new InputError(`${file}: ${messageOf(error)}`);
  }
}
