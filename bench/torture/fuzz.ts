/**
 * Reads thousands of damaged files. Each must be refused with an InputError or give a correct result, quickly and
 * without much memory.
 */
import fs from 'node:fs';
import { randomUniform } from '../../src/data/index';
import { messageOf } from '../../src/errors';
import { type Kind, prepare } from './kinds';

interface FuzzRow {
  kind: string;
  files: number;
  refused: number;
  /** Read without an error: the damaged part does not matter or has no checksum. */
  accepted: number;
  slowestSeconds: number;
  /** The largest growth of resident memory beyond the size of the file, in MiB. */
  largestMiB: number;
  failures: string[];
}

const MAX_SECONDS = 5;
/** Growth allowed beyond twice the file: the resident memory of a process varies by this much. */
const SLACK_BYTES = 64 * 2 ** 20;

/** Damages `count` files, the same ones for the same seed. `folder` must be empty. */
export async function fuzz(
  folder: string,
  count: number,
  seed: number,
  onProgress: (done: number) => void = () => {},
): Promise<FuzzRow[]> {
  const kinds = await prepare(folder);
  const rows: FuzzRow[] = [];
  let done = 0;
  for (const [index, kind] of kinds.entries()) {
    const files = Math.floor((count * (index + 1)) / kinds.length) - done;
    rows.push(await damage(kind, files, randomUniform(seed + index), () => onProgress(++done)));
  }
  return rows;
}

async function damage(
  { kind, file, read, isVerified }: Kind,
  files: number,
  random: () => number,
  onFile: () => void,
): Promise<FuzzRow> {
  const whole = fs.readFileSync(file);
  const want = JSON.stringify(await read());
  const row: FuzzRow = {
    ...{ kind, files, refused: 0, accepted: 0 },
    ...{ slowestSeconds: 0, largestMiB: 0, failures: [] },
  };
  for (let i = 0; i < files; i++) {
    const bytes = mutate(whole, random);
    fs.writeFileSync(file, bytes);
    const fail = (what: string) => row.failures.push(`${kind}, number ${i}: ${what}`);
    const before = process.memoryUsage.rss();
    const started = performance.now();
    try {
      const got = JSON.stringify(await read());
      row.accepted++;
      if (isVerified && got !== want) fail('accepted with other content');
    } catch (error) {
      if ((error as Error).name === 'InputError') row.refused++;
      else fail(`${(error as Error).name}: ${messageOf(error).slice(0, 200)}`);
    }
    const seconds = (performance.now() - started) / 1000;
    const grown = process.memoryUsage.rss() - before - bytes.length;
    row.slowestSeconds = Math.max(row.slowestSeconds, seconds);
    row.largestMiB = Math.max(row.largestMiB, grown / 2 ** 20);
    if (seconds > MAX_SECONDS) fail(`took ${seconds.toFixed(1)} s`);
    if (grown > bytes.length + SLACK_BYTES) fail(`took ${(grown / 2 ** 20).toFixed(0)} MiB`);
    onFile();
  }
  fs.writeFileSync(file, whole);
  return row;
}

/** Flips bits, truncates, copies a piece elsewhere, damages the header, appends bytes, or replaces characters. */
function mutate(whole: Uint8Array, random: () => number): Buffer {
  const bytes = Buffer.from(whole);
  const at = (end: number) => Math.floor(random() * end);
  switch (at(6)) {
    case 0:
      for (let flips = 1 + at(8); flips > 0; flips--) bytes[at(bytes.length)] ^= 1 << at(8);
      return bytes;
    case 1:
      return bytes.subarray(0, at(bytes.length));
    case 2: {
      const [from, to] = [at(bytes.length), at(bytes.length)];
      bytes.copyWithin(to, from, from + at(256));
      return bytes;
    }
    case 3:
      for (let i = 0; i < Math.min(16, bytes.length); i++) if (at(2)) bytes[i] = at(256);
      return bytes;
    case 4:
      return Buffer.concat([bytes, Buffer.from(Array.from({ length: 1 + at(64) }, () => at(256)))]);
    default: {
      // Other digits and letters: a text format such as JSON may still be valid.
      const position = at(bytes.length);
      for (let i = position; i < Math.min(position + 4, bytes.length); i++) bytes[i] = 48 + at(75);
      return bytes;
    }
  }
}
