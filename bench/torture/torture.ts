/**
 * npm run torture: kills runs at random moments and resumes them, fills a disk, reads thousands of damaged files, and
 * watches memory over hundreds of steps. Nothing may be lost.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { positiveInteger, wholeNumber } from '../../src/checks';
import { command, numberOf, printJson, run } from '../../src/cli/common';
import { randomUniform } from '../../src/data/index';
import { writeJson } from '../../src/files';
import type { ProgressListener } from '../../src/progress';
import { streamProgress } from '../../src/viz/index';
import { markdownTable } from '../report';
import { fullDisk } from './full-disk';
import { fuzz } from './fuzz';
import { kills } from './kills';
import { memory } from './memory';
import type { Result } from './result';
import { REAL, SMALL } from './training';
import { lostWorkers } from './workers';

interface Arguments {
  rounds: number;
  realRounds: number;
  workerRounds: number;
  files: number;
  seed: number;
  json?: boolean;
  out?: string;
}

const program = command(
  'torture',
  'Kills runs, fills a disk and damages files, and checks that nothing is lost.',
)
  .option('--rounds <n>', 'kills of a small network', numberOf(wholeNumber), 50)
  .option('--real-rounds <n>', 'kills of the real network at 227×227', numberOf(wholeNumber), 5)
  .option('--worker-rounds <n>', 'kills of one of two workers', numberOf(wholeNumber), 20)
  .option('--files <n>', 'damaged files', numberOf(wholeNumber), 10_000)
  .option('--seed <n>', 'seed of the kills and the damage', numberOf(positiveInteger), 1)
  .option('--out <file>', 'also write the JSON to a file')
  .option('--json', 'print only JSON')
  .action(torture);

async function torture(args: Arguments): Promise<void> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'alexnet-torture-'));
  const progress = streamProgress(process.stderr);
  const results: Result[] = [];
  const random = randomUniform(args.seed);
  try {
    for (const precision of ['float32', 'bfloat16']) {
      const rounds = Math.ceil(args.rounds / 2);
      results.push(await kills(folder, SMALL, precision, rounds, random, progress));
    }
    results.push(await kills(folder, REAL, 'float32', args.realRounds, random, progress));
    results.push(await lostWorkers(folder, args.workerRounds, random, progress));
    results.push(await fullDisk(folder));
    if (args.files > 0) results.push(...(await damagedFiles(folder, args, progress)));
    results.push(await memory(folder, progress));
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
  const machine = {
    cpu: os.cpus()[0].model,
    cores: os.availableParallelism(),
    node: process.version,
  };
  const json = { machine, date: new Date().toISOString().slice(0, 10), results };
  if (args.out) writeJson(args.out, json);
  if (args.json) printJson(json);
  else {
    const rows = results.map(({ what, ok, found }) => [what, ok ? '✓' : '✗', found]);
    console.log(markdownTable(['', '', ''], rows));
  }
  if (results.some(({ ok }) => !ok)) process.exitCode = 1;
}

async function damagedFiles(
  folder: string,
  { files, seed }: Arguments,
  onProgress: ProgressListener,
): Promise<Result[]> {
  const started = performance.now();
  const rows = await fuzz(path.join(folder, 'fuzz'), files, seed, (done) => {
    if (done % 100 === 0) {
      const seconds = (performance.now() - started) / 1000;
      onProgress({ label: 'Damaged files', done, total: files, unit: 'file', seconds });
    }
  });
  return rows.map((row) => ({
    what: `damaged: ${row.kind}`,
    ok: row.failures.length === 0,
    found:
      row.failures.slice(0, 3).join('; ') ||
      `${row.files} files: ${row.refused} refused, ${row.accepted} read; at most ${row.slowestSeconds.toFixed(2)} s and ${Math.max(0, row.largestMiB).toFixed(0)} MiB`,
  }));
}

run(program);
