/** npm run bench: times this project, PyTorch and stock tfjs on this machine. */
import { Option } from 'commander';
import { positiveInteger } from '../src/checks';
import { command, numberOf, printJson, run } from '../src/cli/common';
import { InputError } from '../src/errors';
import { writeJson } from '../src/files';
import { device, fastestPrecision } from '../src/tf/index';
import { type CompareOptions, compare, TIMED } from './compare';
import { measureDraw } from './draw';
import { measureGrowth } from './growth';
import { compareOps, profileStep } from './ops';
import { saveReport } from './report';
import { measureStart } from './start';

/** What is measured instead of the comparison, by option. */
const OTHERS = {
  profile: profileStep,
  ops: compareOps,
  growth: measureGrowth,
  draw: measureDraw,
  start: measureStart,
};

interface Arguments extends CompareOptions, Partial<Record<keyof typeof OTHERS, boolean>> {
  json?: boolean;
  out?: string;
  save?: boolean;
}

const program = command(
  'bench',
  'Times training, evaluation and prediction, compared with PyTorch and stock tfjs, on the GPU if there is one.',
)
  .option('--batch-size <n>', 'images per step', numberOf(positiveInteger), 128)
  .option('--input-size <n>', 'height and width of the images', numberOf(positiveInteger), 227)
  .option('--rounds <n>', 'measurements of each contender', numberOf(positiveInteger), 9)
  .option('--threads <n>', 'threads of each contender', numberOf(positiveInteger), 2)
  .addOption(
    new Option('--only <what...>', 'what to time').choices(TIMED).default([...TIMED], 'all'),
  )
  .option('--no-torch', 'leave out PyTorch')
  .option('--no-stock', 'leave out stock tfjs')
  .option('--profile', 'only list the ops of one of our steps by time')
  .option('--ops', "only compare TensorFlow's own ops with oneDNN's")
  .option('--growth', 'only measure steps at several batch and input sizes: a table and a figure')
  .option('--draw', 'only time the draw page in Chromium')
  .option('--start', 'only time the start of a notebook and of a command')
  .option('--out <file>', 'also write the JSON to a file')
  .option('--save', 'also write the result to docs/results')
  .option('--json', 'print only JSON')
  .action(bench);

async function bench(args: Arguments): Promise<void> {
  if ((args.profile || args.ops) && device().kind === 'GPU') {
    throw new InputError('--profile and --ops time the ops of a CPU: set CUDA_VISIBLE_DEVICES=-1');
  }
  const other = (Object.keys(OTHERS) as (keyof typeof OTHERS)[]).find((name) => args[name]);
  const measure = other ? OTHERS[other] : compare;
  const say = (line: string) => process.stderr.write(`${line}\n`);
  const report = await measure(args, fastestPrecision(), say);
  const { json, text } = report;
  if (args.out) writeJson(args.out, json);
  if (args.save) saveReport(report);
  if (args.json) printJson(json);
  else console.log(text);
}

run(program);
