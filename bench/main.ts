/** npm run bench -- NAME: measurements, reports and small trainings. Loads only the one that is asked for. */
import type { Command } from 'commander';
import { Io } from '../src/cli/io';
import { exitCodeOf, newProgram } from '../src/cli/program';

/** A file that `load` loads adds its options and its action to the command. */
interface Entry {
  name: string;
  description: string;
  load: () => { configure: (command: Command) => void };
}

const ENTRIES: Entry[] = [
  {
    name: 'step',
    description: 'times a training step, an evaluation and one image beside PyTorch and stock tfjs',
    load: () => require('./step'),
  },
  {
    name: 'profile',
    description: 'lists the ops of a training step by time',
    load: () => require('./profile'),
  },
  {
    name: 'precision',
    description: 'trains the quick profile in several precisions with the same seeds',
    load: () => require('./precision'),
  },
  {
    name: 'wait',
    description: 'times what a reader waits for: a first cell, a prediction, the draw page',
    load: () => require('./wait'),
  },
  {
    name: 'scaling',
    description: 'times training with one process and with two',
    load: () => require('./scaling'),
  },
  {
    name: 'torture',
    description: 'kills runs, fills a disk and damages files, and checks that nothing is lost',
    load: () => require('./torture/torture'),
  },
  {
    name: 'parity',
    description: "measures the differences from PyTorch's numbers: docs/parity.md",
    load: () => {
      process.env.NVIDIA_TF32_OVERRIDE = '0'; // read when the CUDA libraries load
      return require('../parity/parity');
    },
  },
  {
    name: 'article',
    description: "measures the faults of the article's code: docs/article.md",
    load: () => require('../parity/article'),
  },
  {
    name: 'small',
    description: 'trains the small network of the notebooks and saves it in notebooks/small',
    load: () => require('../notebooks/small/train'),
  },
  {
    name: 'speed',
    description: 'trains a small network to 99% of the test images as fast as possible',
    load: () => require('../notebooks/speed/train'),
  },
];

const [name] = process.argv.slice(2);
const io = new Io();
const program = newProgram('npm run bench --', 'Measurements, reports and small trainings.', io);

exitCodeOf(io, async () => {
  for (const [each, description, file] of NAMES) {
    const entry = program.command(each).description(description);
    if (each !== name) continue;
    if (name === 'parity') process.env.NVIDIA_TF32_OVERRIDE = '0'; // read when CUDA's libraries load
    require(file).configure(entry);
  }
  await program.helpCommand(false).parseAsync();
}).then((exitCode) => {
  process.exitCode ||= exitCode;
});
