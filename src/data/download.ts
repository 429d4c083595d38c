/**
 * Downloads a data set into torchvision's layout: `<to>/MNIST/raw/train-images-idx3-ubyte.gz` and so on.
 *
 * A file has its name only when its size and MD5 are right. Until then it is a `.part` file of its own for each
 * process, so that several can do the same at once without a lock: the last one replaces a right file with
 * the same. What a process leaves behind is continued by the next one.
 */
import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import zlib from 'node:zlib';
import { checkObject, checkText, InputError, messageOf } from '../errors';
import type { ProgressListener } from '../progress';
import { FetchError, fetchInto, type Sink } from './fetch';
import { type DataSource, type DatasetName, type SourceFile, sourceOf } from './sources';

export interface DownloadOptions {
  /** The root of the layout; it is made when it is not there. */
  to: string;
  /** Addresses of folders with the files, asked before the data set's own mirrors. */
  mirrors?: readonly string[];
  /** In MB, over all files that are not there yet. */
  onProgress?: ProgressListener;
  /** Told what a person should know though it is no error, as one line. */
  onNotice?: (line: string) => void;
  /** Ends the download; what came is kept. */
  signal?: AbortSignal;
  /** A try ends when this long nothing comes, or less than 1 KiB a second. Default 20. */
  stallSeconds?: number;
  /** Tries at a mirror in a row that bring less than a sixteenth of the file. Default 4. */
  attempts?: number;
  /** Before the second try, doubled before each further one, with up to half of it at random. Default 1. */
  backoffSeconds?: number;
}

export interface DownloadedFile extends SourceFile {
  status: 'downloaded' | 'resumed' | 'present';
}

export interface Download {
  /** Where the files are: `<to>/FashionMNIST/raw`. */
  folder: string;
  files: DownloadedFile[];
}

/** No server is waited for longer than this; one that wants it is given up. */
const MAX_WAIT_SECONDS = 60;

/**
 * Gets what is missing of a data set. A file that is there and right is not asked for; one that is there and wrong
 * is renamed to `<name>.wrong`.
 *
 * Throws InputError when no mirror has a file, naming each one's reason, or when the folder cannot be written.
 * Rejects when `signal` is aborted.
 */
export async function downloadDataset(
  dataset: DatasetName | DataSource,
  options: DownloadOptions,
): Promise<Download> {
  checkObject('options', options, ['to']);
  const source = typeof dataset === 'string' ? sourceOf(dataset) : dataset;
  checkObject('data set', source, ['name', 'folder', 'files', 'mirrors']);
  checkText('the folder `to`', options.to);
  const mirrors = mirrorsOf(source, options.mirrors ?? []);
  const folder = path.join(options.to, source.folder, 'raw');
  onDisk(folder, () => fs.mkdirSync(folder, { recursive: true }));
  const notice = options.onNotice ?? (() => {});

  const files: DownloadedFile[] = [];
  const missing = source.files.filter((file) => !isPresent(folder, file, notice));
  const report = meter(source.name, missing, options.onProgress);
  for (const file of source.files) {
    // Asked again, because another process may have brought it meanwhile.
    const status =
      missing.includes(file) && !isPresent(folder, file, notice)
        ? await getFile(folder, file, mirrors, options, report)
        : 'present';
    if (missing.includes(file)) report(file, file.bytes);
    checkUnpacked(path.join(folder, file.name), notice);
    files.push({ ...file, status });
  }
  return { folder, files };
}

function mirrorsOf(source: DataSource, first: readonly string[]): URL[] {
  const addresses = [...first, ...source.mirrors].map((text) => {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (!url || !/^https?:$/.test(url.protocol) || url.username || url.search || url.hash) {
      throw new InputError(
        `mirror '${text}': want the http or https address of the folder with the files`,
      );
    }
    return url.href.replace(/\/*$/, '/');
  });
  return [...new Set(addresses)].map((address) => new URL(address));
}

type Report = (file: SourceFile, length: number) => void;

/** Progress over all missing files: what came in this run, of that and what is still to come. */
function meter(label: string, missing: SourceFile[], onProgress?: ProgressListener): Report {
  const start = performance.now();
  const lengths = new Map(missing.map((file) => [file, 0]));
  const first = new Map<SourceFile, number>();
  return (file, length) => {
    // What an earlier run had brought does not count: it would make the speed and the time left wrong.
    if (!first.has(file)) first.set(file, length);
    lengths.set(file, length);
    let [done, total] = [0, 0];
    for (const [each, came] of lengths) {
      const skipped = Math.min(first.get(each) ?? 0, came);
      done += came - skipped;
      total += each.bytes - skipped;
    }
    if (total === 0) return;
    onProgress?.({
      label,
      // Rounded towards "not finished yet", so that only the end looks like the end.
      done: done < total ? Math.floor(done / 1e5) / 10 : Math.ceil(total / 1e5) / 10,
      total: Math.ceil(total / 1e5) / 10,
      unit: 'MB',
      seconds: (performance.now() - start) / 1000,
      details: file.name,
    });
  };
}

async function getFile(
  folder: string,
  file: SourceFile,
  mirrors: URL[],
  options: DownloadOptions,
  report: Report,
): Promise<'downloaded' | 'resumed'> {
  const target = path.join(folder, file.name);
  const part = new Part(target, file.bytes);
  const reasons: string[] = [];
  try {
    report(file, part.length);
    for (const mirror of [...mirrors]) {
      const reason = await tryMirror(part, file, mirror, options, report);
      if (reason === undefined) {
        // The next file is asked for where this one was had.
        mirrors.unshift(...mirrors.splice(mirrors.indexOf(mirror), 1));
        part.commit();
        return part.fromEarlierRun ? 'resumed' : 'downloaded';
      }
      reasons.push(`${mirror.href}: ${reason}`);
    }
  } finally {
    part.release();
  }
  throw new InputError(
    `${target}: no mirror gave it (${reasons.join('; ')}). Try again later, name another mirror, or put the file ` +
      'there by hand; the embedded MNIST needs no download',
  );
}

/** Gets the file, right, from one mirror; else tells why not. */
async function tryMirror(
  part: Part,
  file: SourceFile,
  mirror: URL,
  options: DownloadOptions,
  report: Report,
): Promise<string | undefined> {
  const { signal, stallSeconds = 20, attempts = 4, backoffSeconds = 1 } = options;
  part.fromElsewhere = part.length > 0;
  for (let failures = 0; ; ) {
    const before = part.length;
    try {
      signal?.throwIfAborted();
      if (part.length < file.bytes) {
        await fetchInto(part, new URL(file.name, mirror), {
          bytes: file.bytes,
          stallSeconds,
          signal,
          onBytes: () => report(file, part.length),
        });
      }
      const md5 = part.md5();
      if (md5 === file.md5) return undefined;
      const mayBeOthers = part.fromElsewhere;
      part.clear();
      // The wrong bytes may be those that an earlier run or another mirror brought: once more, from the start.
      if (!mayBeOthers) return `MD5 ${md5}, want ${file.md5}`;
    } catch (error) {
      if (!(error instanceof FetchError)) throw error;
      if (part.length - before >= file.bytes / 16) failures = 0;
      failures++;
      const backoff = backoffSeconds * 2 ** (failures - 1) * (1 + Math.random() / 2);
      const wanted = typeof error.retry === 'object' ? error.retry.after : 0;
      if (!error.retry || failures >= attempts || wanted > MAX_WAIT_SECONDS) {
        if (wanted > MAX_WAIT_SECONDS) return `${error.message}, for ${Math.ceil(wanted)} s more`;
        return failures > 1 ? `${error.message} (${failures} tries)` : error.message;
      }
      await sleep(1000 * Math.max(wanted, Math.min(backoff, MAX_WAIT_SECONDS)), undefined, {
        signal,
      });
    }
  }
}

/** Which machine a `.part` is of: process numbers mean nothing on another one, in a shared folder. */
const HOST = createHash('sha256').update(os.hostname()).digest('hex').slice(0, 8);

/**
 * A file on its way. Only one process, and only this object, ever writes it: `<name>.<machine>-<process>-….part`.
 * What is left of another one (`<name>.part`, or that of a process that is gone) is copied at the start, so that even
 * a process wrongly thought gone cannot write into it.
 */
class Part implements Sink {
  length = 0;
  /** Whether there are bytes that an earlier run brought. */
  fromEarlierRun = false;
  /** Whether there are bytes that another mirror, or an earlier run, brought. */
  fromElsewhere = false;
  private readonly file: string;
  private readonly descriptor: number;
  private open = true;

  constructor(
    private readonly target: string,
    bytes: number,
  ) {
    const tag = `${HOST}-${process.pid}-${randomBytes(4).toString('hex')}`;
    this.file = `${target}.${tag}.part`;
    this.descriptor = onDisk(this.file, () => fs.openSync(this.file, 'wx'));
    for (const { file, size } of leftovers(target)) {
      try {
        if (this.length === 0 && size <= bytes) this.append(fs.readFileSync(file));
        fs.rmSync(file, { force: true });
      } catch {
        // Another process took it, or the disk is full: then there is nothing to continue here.
      }
    }
    this.fromEarlierRun = this.length > 0;
  }

  append(chunk: Uint8Array): void {
    onDisk(this.file, () => {
      for (let done = 0; done < chunk.length; ) {
        done += fs.writeSync(this.descriptor, chunk, done, chunk.length - done, this.length + done);
      }
    });
    this.length += chunk.length;
  }

  clear(): void {
    onDisk(this.file, () => fs.ftruncateSync(this.descriptor));
    this.length = 0;
    this.fromEarlierRun = false;
    this.fromElsewhere = false;
  }

  /** MD5 of what is on the disk. */
  md5(): string {
    return onDisk(this.file, () => {
      fs.fsyncSync(this.descriptor);
      return md5Of(fs.readFileSync(this.file));
    });
  }

  /** Gives the file its name. */
  commit(): void {
    onDisk(this.target, () => {
      this.close();
      fs.renameSync(this.file, this.target);
      syncFolder(path.dirname(this.target));
    });
  }

  /** Leaves what is there, if it has no name yet, to the next run. */
  release(): void {
    if (!this.open) return;
    this.close();
    try {
      if (this.length > 0) fs.renameSync(this.file, `${this.target}.part`);
      else fs.rmSync(this.file, { force: true });
    } catch {
      // The folder is gone or read-only; why the download failed is the thing to tell.
    }
  }

  private close(): void {
    fs.closeSync(this.descriptor);
    this.open = false;
  }
}

/** The `.part` files of a target that no process writes any more, the largest first. */
function leftovers(target: string): { file: string; size: number }[] {
  const folder = path.dirname(target);
  const prefix = `${path.basename(target)}.`;
  return fs
    .readdirSync(folder)
    .filter((name) => {
      if (!name.startsWith(prefix)) return false;
      const owner = /^(?:([0-9a-f]{8})-(\d+)-[0-9a-f]{8}\.)?part$/.exec(name.slice(prefix.length));
      if (!owner) return false;
      const [, host, process] = owner;
      return host === undefined || (host === HOST && !isAlive(Number(process)));
    })
    .map((name) => path.join(folder, name))
    .map((file) => ({ file, size: fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0 }))
    .sort((a, b) => b.size - a.size);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Whether the file is there and right. One that is there and wrong is moved aside, so that nothing reads it. */
function isPresent(folder: string, file: SourceFile, notice: (line: string) => void): boolean {
  const target = path.join(folder, file.name);
  return onDisk(target, () => {
    const wrong = whatIsWrong(target, file);
    if (wrong === undefined) return true;
    if (wrong === MISSING || !moveAside(target)) return false;
    // Another process may have put the right one there just before it was moved.
    if (whatIsWrong(`${target}.wrong`, file) === undefined) {
      fs.renameSync(`${target}.wrong`, target);
      return true;
    }
    notice(`${target}: ${wrong}: renamed to ${file.name}.wrong, and downloaded anew`);
    return false;
  });
}

const MISSING = 'missing';

function whatIsWrong(target: string, want: SourceFile): string | undefined {
  try {
    const stat = fs.statSync(target);
    if (!stat.isFile()) throw new InputError('not a file');
    if (stat.size !== want.bytes) return `${stat.size} bytes, want ${want.bytes}`;
    const md5 = md5Of(fs.readFileSync(target));
    return md5 === want.md5 ? undefined : `MD5 ${md5}, want ${want.md5}`;
  } catch (error) {
    if (isMissing(error)) return MISSING;
    throw error;
  }
}

/** `loadDataset` takes an unpacked file before a packed one, so a wrong one beside the right one is moved aside. */
function checkUnpacked(target: string, notice: (line: string) => void): void {
  const plain = target.replace(/\.gz$/, '');
  if (plain === target || !fs.existsSync(plain)) return;
  onDisk(plain, () => {
    const want = zlib.gunzipSync(fs.readFileSync(target));
    if (fs.statSync(plain).size === want.length && want.equals(fs.readFileSync(plain))) return;
    if (!moveAside(plain)) return;
    notice(
      `${plain}: differs from ${path.basename(target)}: renamed to ${path.basename(plain)}.wrong`,
    );
  });
}

/** Whether it was there to be moved. */
function moveAside(file: string): boolean {
  try {
    fs.renameSync(file, `${file}.wrong`);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}

function md5Of(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('hex');
}

/** Makes a rename last; not every file system can. */
function syncFolder(folder: string): void {
  try {
    const descriptor = fs.openSync(folder, 'r');
    fs.fsyncSync(descriptor);
    fs.closeSync(descriptor);
  } catch {
    // Then it lasts when the system writes it.
  }
}

/** Does something with a file; what the disk says against it (full, read-only) becomes an InputError. */
function onDisk<T>(file: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw new InputError(`${file}: ${messageOf(error)}`);
  }
}
