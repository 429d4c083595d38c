/**
 * npm run bench -- parity: measures the differences from PyTorch's numbers and prints them as a Markdown page, which is
 * docs/parity.md. The tests enforce the limits of the same rows.
 */
import os from 'node:os';
import type { Command } from 'commander';
import { InputError } from '../src/errors';
import { replaceFile } from '../src/files';
import { backend } from '../src/tf/index';
import {
  accumulationSection,
  dropoutSection,
  explanationSection,
  type Golden,
  initialisationSection,
  isWithin,
  markdown,
  networkSections,
  othersSection,
  preprocessingSection,
  readGolden,
  type Section,
  trainingSection,
} from './index';

interface Arguments {
  json?: boolean;
  out?: string;
}

export function configure(command: Command): void {
  command
    .option('--out <file>', 'also write the Markdown page to a file')
    .option('--json', 'print only JSON')
    .action(compare);
}

function compare(args: Arguments): void {
  const golden = readGolden();
  const sections = [
    preprocessingSection(golden),
    ...networkSections(golden),
    explanationSection(golden),
    othersSection(golden),
    trainingSection(golden),
    accumulationSection(golden),
    initialisationSection(golden),
    dropoutSection(golden),
  ];
  const text = page(golden, sections);
  if (args.out) replaceFile(args.out, text);
  if (args.json) console.log(JSON.stringify({ torch: golden.torch, sections }));
  else process.stdout.write(text);
  const beyond = sections.flatMap(({ rows }) => rows).filter((row) => !isWithin(row));
  if (beyond.length > 0) {
    throw new InputError(`beyond the limit: ${beyond.map(({ what }) => what).join('; ')}`);
  }
}

function page({ torch }: Golden, sections: Section[]): string {
  const intro = `# Comparison with PyTorch

The differences between this project's numbers and those of PyTorch ${torch}, in float32 on both sides: TensorFlow
${backend().binding.TF_Version} on ${os.cpus()[0].model.trim()}. Written by

\`\`\`
npm run bench -- parity --out docs/parity.md
\`\`\`

\`npm test\` enforces the limits. \`parity/reference/parity.py\` computes PyTorch's numbers, which are stored in
\`parity/golden/\`. Where the last column has a number, PyTorch also ran in float64: a difference of that size is
float32's rounding. The weights are not stored: both sides compute them from a formula, bit for bit the same.

`;
  return `${intro}${sections.map(markdown).join('\n')}`;
}
