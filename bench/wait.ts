/** npm run bench -- wait: how long a reader waits for a first cell, for a prediction, and for the draw page. */
import fs from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { positiveInteger } from '../src/checks';
import { numberOf } from '../src/cli/common';
import { python, root } from '../test/support/command';
import { openDrawPage } from './draw';
import { type Contender, disturbance, measure } from './measure';
import { startCommand } from './process';
import { markdownTable, reports } from './report';

interface Arguments {
  rounds: number;
  draw: boolean;
}

export function configure(command: Command): void {
  command
    .option('--rounds <n>', 'measurements of each', numberOf(positiveInteger), 9)
    .option('--no-draw', 'leave out the draw page, which needs Chromium');
  reports(command, wait);
}

async function wait({ rounds, draw }: Arguments) {
  const page = draw ? await openDrawPage() : undefined;
  const contenders: Contender[] = [
    {
      name: "a notebook's first cell, by the first kernel after a change in `src/`",
      ask: () => {
        fs.rmSync(path.join(root, 'build', 'declarations.json'), { force: true });
        return firstCell(0);
      },
    },
    { name: 'the same, by any other kernel', ask: () => firstCell(0) },
    {
      name: 'the same, run five seconds after the notebook is opened',
      ask: () => firstCell(5),
    },
    { name: '`npm run predict` with a photo and the small network', ask: predict },
    ...(page?.contenders ?? []),
  ];
  try {
    const measured = await measure(contenders, 'wait', rounds, 0);
    const rows = measured.map((each) => [
      each.name,
      `${each.medianSeconds.toFixed(2)} s`,
      disturbance(each),
    ]);
    return { json: { rounds, measured }, text: markdownTable(['what', 'median', ''], rows) };
  } finally {
    await page?.close();
  }
}

async function firstCell(secondsBefore: number) {
  const worker = path.join(__dirname, 'workers', 'first_cell.py');
  const notebook = path.join(root, 'notebooks', '00-start.ipynb');
  const { stdout, stderr } = await python(worker, notebook, String(secondsBefore));
  const seconds = Number.parseFloat(stdout);
  if (!seconds) throw new Error(`${worker}: ${stderr}`);
  return { seconds };
}

async function predict() {
  const started = performance.now();
  const photo = path.join(root, 'samples', '9-pencil.jpg');
  const { ended, text } = startCommand('predict', ['--model', 'notebooks/small', photo]);
  if ((await ended) !== 0) throw new Error(text());
  return { seconds: (performance.now() - started) / 1000 };
}
