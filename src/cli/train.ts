import path from 'node:path';
import { type Command, Option } from 'commander';
import { loadDataset, slice, splitValidation } from '../data/index';
import { InputError } from '../errors';
import { alexnet, INITIALISATIONS, type Initialisation } from '../model/index';
import type { Precision } from '../tf/index';
import {
  CHANGEABLE,
  type Changeable,
  readUnfinished,
  SCHEDULES,
  type Schedule,
  trainRun,
  weightsSha256,
} from '../train/index';
import { percent, streamProgress } from '../viz/index';
import {
  command,
  nonNegativeNumber,
  positiveInteger,
  positiveNumber,
  precisionOption,
  resolvePrecision,
  run,
  wholeNumber,
} from './common';

interface TrainArguments {
  epochs: number;
  batchSize: number;
  lr: number;
  schedule: Schedule;
  weightDecay: number;
  accumulationSteps: number;
  trainImages?: number;
  validationImages?: number;
  inputSize: number;
  init: Initialisation;
  precision: 'auto' | Precision;
  seed: number;
  data?: string;
  run: string;
  resume?: boolean;
  change: Changeable[];
  checkpointMinutes: number;
  checkpointSteps?: number;
  memoryCheck: boolean;
}

const now = new Date().toISOString().slice(0, 19).replace(/[:T]/g, '-');

const program = command('train', 'Trains AlexNet and writes the run into a folder.')
  .option('--epochs <n>', 'passes over the training images', positiveInteger, 5)
  .option('--batch-size <n>', 'images a batch', positiveInteger, 128)
  .option('--lr <x>', 'learning rate of AdamW', positiveNumber, 0.001)
  .addOption(
    new Option('--schedule <how>', 'of the learning rate').choices(SCHEDULES).default('constant'),
  )
  .option('--weight-decay <x>', 'decoupled weight decay of AdamW', nonNegativeNumber, 0.01)
  .option('--accumulation-steps <n>', 'batches whose gradients make one update', positiveInteger, 1)
  .option(
    '--train-images <n>',
    'use the first n only (default: all but the validation images)',
    positiveInteger,
  )
  .option(
    '--validation-images <n>',
    'the last n are for validation (default: a twelfth, 5,000 of 60,000)',
    wholeNumber,
  )
  .option('--input-size <n>', 'height and width that images are resized to', positiveInteger, 227)
  .addOption(
    new Option('--init <how>', 'initial weights').choices(INITIALISATIONS).default('pytorch'),
  )
  .addOption(precisionOption())
  .option('--seed <n>', 'fixes initial weights, order of images and dropout', wholeNumber, 42)
  .option(
    '--data <dir>',
    "a folder of IDX files, or torchvision's layout (default: MNIST, embedded)",
  )
  .option('--run <dir>', 'the folder to write', path.join('runs', now))
  .option('--resume', 'continue the unfinished run in --run, with the settings that it has')
  .addOption(
    new Option('--change <setting...>', 'with --resume: settings that are meant to differ')
      .choices(CHANGEABLE)
      .default([], 'none'),
  )
  .option('--checkpoint-minutes <x>', 'write a checkpoint so often', positiveNumber, 5)
  .option('--checkpoint-steps <n>', 'and after so many updates', positiveInteger)
  .option('--no-memory-check', 'train even where it looks as if the memory will not do')
  .action(trainCommand);

async function trainCommand(given: TrainArguments, program: Command): Promise<void> {
  const args = given.resume ? continued(given, program) : given;
  if (args.change.length > 0 && !args.resume) throw new InputError('--change goes with --resume');
  const all = loadDataset('train', args.data);
  const validationImages = args.validationImages ?? Math.floor(all.length / 12);
  if (validationImages >= all.length) {
    throw new InputError(
      `--validation-images ${validationImages}: there are ${all.length} images in all`,
    );
  }
  const { train: rest, validation } =
    validationImages > 0
      ? splitValidation(all, validationImages)
      : { train: all, validation: undefined };
  const trainImages = args.trainImages ?? rest.length;
  if (trainImages > rest.length) {
    throw new InputError(
      `--train-images ${trainImages}: there are ${rest.length}, validation images left out`,
    );
  }
  const { inputSize, seed, init: initialisation } = args;
  const model = alexnet({ inputSize, seed, initialisation, classes: all.classes });
  const precision = resolvePrecision(args.precision);
  const say = (line: string) => console.log(line);
  const history = await trainRun(args.run, model, slice(rest, 0, trainImages), {
    ...args,
    learningRate: args.lr,
    precision,
    validation,
    resume: args.resume ? 'yes' : 'no',
    changes: args.change,
    notes: { initialisation, inputSize, dataFolder: args.data ?? null },
    signals: ['SIGINT', 'SIGTERM'],
    say,
    onStart: () =>
      say(
        `${all.name}: ${trainImages.toLocaleString('en-US')} images, ${validationImages.toLocaleString('en-US')} more for validation; ` +
          `${model.countParams().toLocaleString('en-US')} parameters; ${precision}; run folder ${args.run}`,
      ),
    onProgress: streamProgress(process.stdout),
    onEpoch: (epoch) => {
      const validated =
        epoch.valLoss === null || epoch.valAccuracy === null
          ? ''
          : `, validation loss ${epoch.valLoss.toFixed(4)}, accuracy ${percent(epoch.valAccuracy)}`;
      say(
        `Epoch ${epoch.epoch}/${args.epochs}: loss ${epoch.trainLoss.toFixed(4)}, accuracy ${percent(epoch.trainAccuracy)}` +
          `${validated}; ${epoch.seconds.toFixed(0)} s, ${epoch.imagesPerSecond.toFixed(1)} images/s`,
      );
    },
  });
  if (history.interrupted) {
    say(`Interrupted. Continue with: npm run train -- --resume --run ${args.run}`);
    process.exitCode = 130;
  } else {
    say(`Written: ${args.run} (config.json, history.json, steps.json, model/)`);
  }
  say(`weights sha256: ${weightsSha256(model)}`);
}

/** The arguments with those of the unfinished run in the place of what was not given. */
function continued(given: TrainArguments, program: Command): TrainArguments {
  const unfinished = readUnfinished(given.run);
  if (!unfinished)
    throw new InputError(`${given.run}: no unfinished run there: nothing to continue`);
  const { settings, notes } = unfinished;
  const kept: Partial<TrainArguments> = {
    epochs: settings.epochs,
    batchSize: settings.batchSize,
    lr: settings.learningRate,
    schedule: settings.schedule,
    weightDecay: settings.weightDecay,
    accumulationSteps: settings.accumulationSteps,
    trainImages: settings.trainImages,
    validationImages: settings.validationImages,
    precision: settings.precision,
    seed: settings.seed,
    inputSize: notes.inputSize as number,
    init: notes.initialisation as Initialisation,
    data: (notes.dataFolder as string | null) ?? undefined,
  };
  const isGiven = (key: string) => program.getOptionValueSource(key) === 'cli';
  const fill = Object.entries(kept).filter(([key]) => !isGiven(key));
  return { ...given, ...Object.fromEntries(fill) };
}

run(program);
