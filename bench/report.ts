import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { InputError } from '../src/errors';
import { replaceFile, writeJson } from '../src/files';
import { device } from '../src/tf/index';
import { type Figure, figureSvg } from '../src/viz/index';
import type { Sizes } from './contender';

/** What a measurement prints: as JSON or as text. */
export interface Report {
  /** Under which `--save` stores it. */
  name: string;
  json: unknown;
  text: string;
  figure?: Figure;
}

const RESULTS = path.resolve(__dirname, '..', 'docs', 'results');

/** Writes a report to docs/results: NAME.json, NAME.svg, and its text into the section NAME of the page. */
export function saveReport({ name, json, text, figure }: Report): void {
  writeJson(path.join(RESULTS, `${name}.json`), json);
  if (figure) replaceFile(path.join(RESULTS, `${name}.svg`), figureSvg(figure, name));
  replaceSection(path.join(RESULTS, 'README.md'), name, text);
}

/** Replaces what is between `<!-- NAME -->` and `<!-- /NAME -->` in a Markdown file. */
export function replaceSection(file: string, name: string, text: string): void {
  const page = fs.readFileSync(file, 'utf8');
  const [start, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const [before, rest] = page.split(start);
  const after = rest?.split(end)[1];
  if (after === undefined) throw new InputError(`${file}: has no section ${start} … ${end}`);
  replaceFile(file, `${before}${start}\n\n${text.trim()}\n\n${end}${after}`);
}

export interface Machine extends Sizes {
  cpu: string;
  device: string;
  cores: number;
  memoryGiB: number;
  node: string;
  date: string;
}

/** The conditions of a measurement. */
export function machine({ threads, batchSize, inputSize }: Sizes): Machine {
  return {
    cpu: os.cpus()[0].model,
    device: device().name,
    cores: os.availableParallelism(),
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    threads,
    batchSize,
    inputSize,
    node: process.version,
    date: new Date().toISOString().slice(0, 10),
  };
}

export function markdownTable(columns: string[], rows: (string | number)[][]): string {
  const line = (cells: (string | number)[]) =>
    `|${cells.map((cell) => (cell === '' ? ' ' : ` ${cell} `)).join('|')}|`;
  return [line(columns), `|${columns.map(() => '---|').join('')}`, ...rows.map(line)].join('\n');
}
