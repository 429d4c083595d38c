/**
 * npm run bench -- torture: kills runs at random moments and resumes them, fills a disk, reads thousands of damaged
 * files, and watches memory over hundreds of steps. Nothing may be lost.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Command } from 'commander';
import { positiveInteger, wholeNumber } from '../../src/checks';
import { numberOf } from '../../src/cli/common';
import { randomUniform } from '../../src/data/index';
import { progressOf } from '../../src/progress';
import { streamProgress } from '../../src/viz/index';
import { markdownTable, reports } from '../report';
import { fuzz } from './fuzz';
import { fullDisk, kills, lostWorkers } from './kills';
import { memory } from './memory';
import { REAL, SMALL } from './training';

/** One line of the table. */
export interface Result {
  what: string;
  ok: boolean;
  found: string;
}

interface Arguments {
  rounds: number;
  realRounds: number;
  workerRounds: number;
  files: number;
  seed: number;
}

export function configure(command: Command): void {
  const count = numberOf(wholeNumber);
  command
    .option('--rounds <n>', 'kills of a small network', count, 50)
    .option('--real-rounds <n>', 'kills of the real network at 227×227', count, 5)
    .option('--worker-rounds <n>', 'kills of one of two workers', count, 20)
    .option('--files <n>', 'damaged files', count, 10_000)
    .option('--seed <n>', 'seed of the kills and the damage', numberOf(positiveInteger), 1);
  reports(command, torture);
}

async function torture(args: Arguments) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'alexnet-torture-'));
  const show = streamProgress(process.stderr);
  const random = randomUniform(args.seed);
  const results: Result[] = [];
  try {
    for (const precision of ['float32', 'bfloat16']) {
      const rounds = Math.ceil(args.rounds / 2);
      results.push(await kills(folder, SMALL, precision, rounds, random, show));
    }
    results.push(await kills(folder, REAL, 'float32', args.realRounds, random, show));
    results.push(await lostWorkers(folder, args.workerRounds, random, show));
    results.push(await fullDisk(folder));
    results.push(...(await damagedFiles(path.join(folder, 'fuzz'), args)));
    results.push(await memory(folder, show));
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
  if (results.some(({ ok }) => !ok)) process.exitCode = 1;
  const rows = results.map(({ what, ok, found }) => [what, ok ? '✓' : '✗', found]);
  return { json: { results }, text: markdownTable(['what', '', 'found'], rows) };
}

async function damagedFiles(folder: string, { files, seed }: Arguments): Promise<Result[]> {
  if (files === 0) return [];
  const task = { label: 'Damaged files', total: files, unit: 'file' };
  const rows = await fuzz(folder, files, seed, progressOf(task, streamProgress(process.stderr)));
  return rows.map(({ kind, failures, ...row }) => ({
    what: `damaged: ${kind}`,
    ok: failures.length === 0,
    found:
      failures.slice(0, 3).join('; ') ||
      `${row.files} files: ${row.refused} refused, ${row.accepted} read; at most ${row.slowestSeconds.toFixed(2)} s and ${Math.max(0, row.largestMiB).toFixed(0)} MiB`,
  }));
}
