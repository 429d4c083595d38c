import os from 'node:os';
import { device } from '../src/tf/index';
import type { Sizes } from './contender';

/** What a measurement prints: as JSON or as text. */
export interface Report {
  json: unknown;
  text: string;
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
