/** A file that is being downloaded. */
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { hashOfFile, isAlive, replaceFile } from '../files';
import type { SourceFile } from './sources';

/**
 * The file `<target>.<process>-….part`. Only this process writes it, so several processes can download the same file.
 * Takes over the bytes that an earlier run has left.
 */
export class Part {
  length: number;
  /** How many of the bytes are from an earlier run. */
  resumed: number;
  private readonly file: string;

  constructor(
    readonly target: string,
    readonly want: SourceFile,
  ) {
    this.file = `${target}.${process.pid}-${randomBytes(4).toString('hex')}.part`;
    for (const leftover of leftovers(target)) {
      try {
        fs.renameSync(leftover, this.file);
      } catch {
        // Another process took it.
      }
    }
    this.length = fs.statSync(this.file, { throwIfNoEntry: false })?.size ?? 0;
    if (this.length > want.bytes) this.clear();
    this.resumed = this.length;
  }

  append(piece: Uint8Array): void {
    fs.appendFileSync(this.file, piece);
    this.length += piece.length;
  }

  clear(): void {
    fs.rmSync(this.file, { force: true });
    this.length = 0;
    this.resumed = 0;
  }

  md5(): string {
    return hashOfFile('md5', this.file);
  }

  /** Gives the complete file its name. */
  commit(): void {
    replaceFile(this.target, (temporary) => fs.renameSync(this.file, temporary));
  }

  /** Leaves the bytes, if there are any, to the next run. */
  release(): void {
    if (fs.existsSync(this.file)) fs.renameSync(this.file, `${this.target}.part`);
  }
}

/** The `.part` files of interrupted runs and killed processes. */
function leftovers(target: string): string[] {
  const { dir, base } = path.parse(target);
  const isLeftover = (name: string) => {
    const [ending, pid] = /(?:\.(\d+)-[0-9a-f]+)?\.part$/.exec(name) ?? [];
    return name === base + ending && !(pid && isAlive(Number(pid)));
  };
  return fs
    .readdirSync(dir)
    .filter(isLeftover)
    .map((name) => path.join(dir, name));
}
