import path from 'node:path';
import { Option } from 'commander';
import { loadDataset, slice, splitValidation } from '../data/index';
import { InputError } from '../errors';
import { alexnet, INITIALISATIONS, type Initialisation } from '../model/index';
import type { Precision } from '../tf/index';
import { checkNewRun, SCHEDULES, type Schedule, train, writeRun } from '../train/index';
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
  .action(trainCommand);

async function trainCommand(args: TrainArguments): Promise<void> {
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
  checkNewRun(args.run); // last, so that bad input writes nothing
  const precision = resolvePrecision(args.precision);
  const notes = { initialisation, data: args.data ?? 'MNIST (embedded)' };
  console.log(
    `${all.name}: ${trainImages.toLocaleString('en-US')} images, ${validationImages.toLocaleString('en-US')} more for validation; ` +
      `${model.countParams().toLocaleString('en-US')} parameters; ${precision}; run folder ${args.run}`,
  );
  const history = await train(model, slice(rest, 0, trainImages), {
    ...args,
    learningRate: args.lr,
    precision,
    validation,
    onProgress: streamProgress(process.stdout),
    onEpoch: async (epoch, sofar) => {
      const validated =
        epoch.valLoss === null || epoch.valAccuracy === null
          ? ''
          : `, validation loss ${epoch.valLoss.toFixed(4)}, accuracy ${percent(epoch.valAccuracy)}`;
      console.log(
        `Epoch ${epoch.epoch}/${args.epochs}: loss ${epoch.trainLoss.toFixed(4)}, accuracy ${percent(epoch.trainAccuracy)}` +
          `${validated}; ${epoch.seconds.toFixed(0)} s, ${epoch.imagesPerSecond.toFixed(1)} images/s`,
      );
      await writeRun(args.run, model, sofar, notes);
    },
  });
  if (history.interrupted) {
    console.log(`Interrupted. What was learned so far is in ${args.run}`);
    process.exitCode = 130;
  } else {
    console.log(`Written: ${args.run} (config.json, history.json, steps.json, model/)`);
  }
}

run(program);
