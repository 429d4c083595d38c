/** npm run bench -- NAME: measurements, reports and small trainings. Loads only the one that is asked for. */
import { Io } from '../src/cli/io';
import { exitCodeOf, newProgram } from '../src/cli/program';

/** Each file exports `configure`, which adds the options and the action to its command. */
const NAMES = [
  ['step', 'training, evaluation and one image beside PyTorch and stock tfjs', './step'],
  ['profile', 'the ops of a training step by time', './profile'],
  ['precision', 'accuracy after training in several precisions', './precision'],
  ['wait', 'the wait for a first cell, a prediction and the draw page', './wait'],
  ['scaling', 'training with one process and with two', './scaling'],
  ['torture', 'kills, a full disk, damaged files: nothing may be lost', './torture/torture'],
  ['parity', "differences from PyTorch's numbers: docs/parity.md", '../parity/parity'],
  ['article', "what is wrong in the article's code: docs/article.md", '../parity/article'],
  ['small', 'trains the small network in notebooks/small', '../notebooks/small/train'],
  ['speed', 'trains a network to 99% of the test images, fast', '../notebooks/speed/train'],
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
