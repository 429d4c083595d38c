/** What a measurement prints and writes. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Command } from 'commander';
import { replaceFile, writeJson } from '../src/files';
import { device } from '../src/tf/index';

interface Report {
  json: object;
  /** A table in Markdown. */
  text: string;
}

interface ReportArguments {
  out?: string;
  save?: boolean;
  json?: boolean;
}

const RESULTS = path.resolve(__dirname, '..', 'docs', 'results');

/** Makes the command measure, print and write a report. */
export function reports<A>(command: Command, measure: (args: A) => Promise<Report>): void {
  command
    .option('--out <file>', 'also write the JSON to a file')
    .option('--save', 'also write the result to docs/results')
    .option('--json', 'print only JSON')
    .action(async (args: A & ReportArguments) => {
      const report = await measure(args);
      const json = { machine: machine(), ...report.json };
      if (args.out) writeJson(args.out, json);
      if (args.save) {
        writeJson(path.join(RESULTS, `${command.name()}.json`), json);
        replaceSection(path.join(RESULTS, 'README.md'), command.name(), report.text);
      }
      console.log(args.json ? JSON.stringify(json) : report.text);
    });
}

/** Replaces what is between `<!-- NAME -->` and `<!-- /NAME -->`, if a Markdown file has that. */
function replaceSection(file: string, name: string, text: string): void {
  const [start, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const [before, rest] = fs.readFileSync(file, 'utf8').split(start);
  const after = rest?.split(end)[1];
  if (after === undefined) return;
  replaceFile(file, `${before}${start}\n\n${text.trim()}\n\n${end}${after}`);
}

/** Where and when a measurement was made. */
function machine() {
  return {
    cpu: cpu(),
    device: device().name,
    cores: os.availableParallelism(),
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    node: process.version,
    date: new Date().toISOString().slice(0, 10),
  };
}

export const cpu = (): string => os.cpus()[0].model.trim();

export function markdownTable(columns: string[], rows: (string | number)[][]): string {
  const line = (cells: (string | number)[]) =>
    `|${cells.map((cell) => (cell === '' ? ' ' : ` ${cell} `)).join('|')}|`;
  return [line(columns), `|${columns.map(() => '---|').join('')}`, ...rows.map(line)].join('\n');
}

/** Says on standard error what is going on. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
