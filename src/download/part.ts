/** A file that is being downloaded. */
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { InputError, messageOf } from '../errors';
import { flush, hashOf, hashOfFile, isAlive } from '../files';
import type { SourceFile } from './sources';

/** Identifies this machine. The folder may be shared, and process IDs of other machines mean nothing here. */
const HOST = hashOf('sha256', Buffer.from(os.hostname())).slice(0, 8);

/**
 * The file `<target>.<machine>-<process>-….part`. No other process writes to it. The bytes of an earlier run are
 * copied into it, so a process that still runs after all cannot damage it.
 *
 * All methods throw InputError if the file cannot be written.
 */
export class Part {
  length = 0;
  /** Whether some bytes come from an earlier run. */
  isResumed = false;
  /** Whether some bytes come from an earlier run or another mirror. */
  isMixed = false;
  private readonly target: string;
  private readonly file: string;

  constructor(
    folder: string,
    readonly want: SourceFile,
  ) {
    this.target = path.join(folder, want.name);
    this.file = `${this.target}.${HOST}-${process.pid}-${randomBytes(4).toString('hex')}.part`;
    this.clear();
    for (const { file, size } of leftovers(this.target)) {
      try {
        if (this.length === 0 && size <= want.bytes) this.append(fs.readFileSync(file));
        fs.rmSync(file, { force: true });
      } catch {
        // Another process took it, or the disk is full: start from the beginning.
      }
    }
    this.isResumed = this.length > 0;
  }

  append(chunk: Uint8Array): void {
    onDisk(this.file, () => fs.appendFileSync(this.file, chunk));
    this.length += chunk.length;
  }

  clear(): void {
    onDisk(this.file, () => fs.writeFileSync(this.file, ''));
    this.length = 0;
    this.isResumed = false;
    this.isMixed = false;
  }

  md5(): string {
    return onDisk(this.file, () => hashOfFile('md5', this.file));
  }

  /** Gives the complete file its name. */
  commit(): void {
    onDisk(this.target, () => {
      flush(this.file);
      fs.renameSync(this.file, this.target);
      flush(path.dirname(this.target));
    });
  }

  /** Leaves the bytes for the next run. */
  release(): void {
    try {
      if (this.length > 0) fs.renameSync(this.file, `${this.target}.part`);
      else fs.rmSync(this.file);
    } catch {
      // The folder is gone or read-only. The caller reports the error that ended the download.
    }
  }
}

/** The `.part` files of a target that no living process writes, largest first. */
function leftovers(target: string): { file: string; size: number }[] {
  const folder = path.dirname(target);
  const prefix = `${path.basename(target)}.`;
  return fs
    .readdirSync(folder)
    .filter((name) => {
      const rest = name.startsWith(prefix) ? name.slice(prefix.length) : '';
      const [, host, pid] = /^([0-9a-f]{8})-(\d+)-[0-9a-f]{8}\.part$/.exec(rest) ?? [];
      return rest === 'part' || (host === HOST && !isAlive(Number(pid)));
    })
    .map((name) => path.join(folder, name))
    .map((file) => ({ file, size: fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0 }))
    .sort((a, b) => b.size - a.size);
}

/** Converts an error of `action` to an InputError that names the file. */
export function onDisk<T>(file: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw new InputError(`${file}: ${messageOf(error)}`);
  }
}
