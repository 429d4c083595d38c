/** How long a reader waits for the first cell of a notebook, and for an answer of `npm run predict`. */
import fs from 'node:fs';
import path from 'node:path';
import type { Precision } from '../src/tf/index';
import { cli, python, root } from '../test/support/command';
import type { CompareOptions } from './compare';
import { median } from './measure';
import { machine, markdownTable, type Report } from './report';

const KEPT = path.join(root, 'build', 'declarations.json');

export async function measureStart(
  options: CompareOptions,
  _: Precision,
  say: (line: string) => void,
): Promise<Report> {
  const kinds: Record<string, () => Promise<number>> = {
    "a notebook's first cell, by the first kernel after a change in `src/`": () => {
      fs.rmSync(KEPT, { force: true });
      return firstCell(0);
    },
    'the same, by any other kernel': () => firstCell(0),
    'the same, run five seconds after the notebook is opened': () => firstCell(5),
    '`npm run predict` with a photo and the small network': predict,
  };
  const seconds: Record<string, number[]> = {};
  for (let round = 1; round <= options.rounds; round++) {
    say(`round ${round} of ${options.rounds}`);
    for (const [kind, measure] of Object.entries(kinds)) {
      seconds[kind] ??= [];
      seconds[kind].push(await measure());
    }
  }
  const rows = Object.entries(seconds).map(([kind, all]) => [kind, `${median(all).toFixed(1)} s`]);
  return {
    name: 'start',
    json: { machine: machine(options), seconds },
    text: markdownTable(['what', 'median'], rows),
  };
}

async function firstCell(wait: number): Promise<number> {
  const worker = path.join(__dirname, 'workers', 'first_cell.py');
  const notebook = path.join(root, 'notebooks', '00-start.ipynb');
  const { stdout, stderr } = await python(worker, notebook, String(wait));
  const seconds = Number.parseFloat(stdout);
  if (!seconds) throw new Error(`${worker}: ${stderr}`);
  return seconds;
}

async function predict(): Promise<number> {
  const started = performance.now();
  const photo = path.join(root, 'samples', '9-pencil.jpg');
  const { code, stderr } = await cli('predict', '--model', 'notebooks/small', photo);
  if (code !== 0) throw new Error(stderr);
  return (performance.now() - started) / 1000;
}
