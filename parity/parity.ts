/**
 * npm run parity: how far our numbers are from PyTorch's, as parity/reference/parity.py wrote them down, as a
 * Markdown page. docs/parity.md is what it wrote. The tests hold the same rows to their limits.
 */
import fs from 'node:fs';
import os from 'node:os';
import { command, printJson, run } from '../src/cli/common';
import { InputError, messageOf } from '../src/errors';
import { backend } from '../src/tf/index';
import { type Golden, readGolden } from './golden';
import { networkSections } from './network';
import { isWithin, markdown, type Section } from './sections';
import { dropoutSection, initialisationSection, preprocessingSection } from './statistics';
import { accumulationSection, trainingSection } from './training';

interface Arguments {
  json?: boolean;
  out?: string;
}

const program = command('parity', "Measures the differences from PyTorch's numbers.")
  .option('--out <file>', 'write the Markdown page to a file too')
  .option('--json', 'print JSON and nothing else')
  .action(compare);

function compare(args: Arguments): void {
  const golden = readGolden();
  const sections = [
    preprocessingSection(golden),
    ...networkSections(golden),
    trainingSection(golden),
    accumulationSection(golden),
    initialisationSection(golden),
    dropoutSection(golden),
  ];
  const text = page(golden, sections);
  if (args.out) writeText(args.out, text);
  if (args.json) printJson({ torch: golden.torch, sections });
  else process.stdout.write(text);
  const beyond = sections.flatMap(({ rows }) => rows).filter((row) => !isWithin(row));
  if (beyond.length > 0) {
    throw new InputError(`beyond the limit: ${beyond.map(({ what }) => what).join('; ')}`);
  }
}

function page({ torch }: Golden, sections: Section[]): string {
  const intro = `# Beside PyTorch

How far this project's numbers are from those of PyTorch ${torch}, float32 on both sides: TensorFlow
${backend().binding.TF_Version} on ${os.cpus()[0].model.trim()}. Written by

\`\`\`
npm run parity -- --out docs/parity.md
\`\`\`

and held to the limits by \`npm test\`. PyTorch's side is made by \`parity/reference/parity.py\` and lies in
\`parity/golden/\`. Where the last column has a number, PyTorch was run in float64 too: a difference as large as
that one is float32's rounding. The weights are no stored file but a formula that both sides compute to the bit.

`;
  return `${intro}${sections.map(markdown).join('\n')}`;
}

/** Whole or not at all. */
function writeText(file: string, text: string): void {
  const temporary = `${file}.${process.pid}.tmp`;
  try {
    fs.writeFileSync(temporary, text);
    fs.renameSync(temporary, file);
  } catch (error) {
    fs.rmSync(temporary, { force: true });
    throw new InputError(`${file}: cannot be written: ${messageOf(error)}`);
  }
}

run(program);
