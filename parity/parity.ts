/**
 * npm run bench -- parity: measures the differences from PyTorch's numbers and prints the tables of docs/parity.md.
 * The tests enforce the limits of the same rows.
 */
import os from 'node:os';
import type { Command } from 'commander';
import { InputError } from '../src/errors';
import { replaceFile } from '../src/files';
import { backend } from '../src/tf/index';
import {
  accumulationSection,
  dropoutSection,
  isWithin,
  markdown,
  networkSections,
  othersSection,
  pageWith,
  preprocessingSection,
  readGolden,
  textOf,
  trainingSection,
} from './index';

interface Arguments {
  json?: boolean;
  out?: string;
}

/** Adds the options and the action. */
export function configure(program: Command): void {
  program
    .option('--out <file>', 'also write docs/parity.md with these tables to a file')
    .option('--json', 'print only JSON')
    .action(compare);
}

function compare({ json, out }: Arguments): void {
  const golden = readGolden();
  const sections = [
    preprocessingSection(golden),
    ...networkSections(golden),
    othersSection(golden),
    trainingSection(golden),
    accumulationSection(golden),
    dropoutSection(golden),
  ];
  const versions = `PyTorch ${golden.torch}, TensorFlow ${backend().binding.TF_Version}, ${os.cpus()[0].model.trim()}`;
  const tables = Object.fromEntries(sections.map((each) => [each.title, markdown(each)]));
  if (out) replaceFile(out, pageWith('parity', { Versions: versions, ...tables }));
  console.log(json ? JSON.stringify({ torch: golden.torch, sections }) : textOf(tables).trimEnd());
  const beyond = sections.flatMap(({ rows }) => rows).filter((row) => !isWithin(row));
  if (beyond.length > 0) {
    throw new InputError(`beyond the limit: ${beyond.map(({ what }) => what).join('; ')}`);
  }
}
