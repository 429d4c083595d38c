import fs from 'node:fs';
import path from 'node:path';
import { type Command, Option } from 'commander';
import { positiveInteger, positiveNumber } from '../checks';
import { type ImageSet, slice, splitValidation } from '../data/index';
import { doubtsAbout } from '../datasets/index';
import { InputError } from '../errors';
import { withClasses } from '../fine-tune/index';
import { alexnet, describe, layerTable, NETWORKS, type Network, totals } from '../model/index';
import {
  agree,
  CHANGEABLE,
  CHECKPOINT_MINUTES,
  checkWeightsFit,
  checkWorkers,
  RUN_SETTINGS,
  type RunSettings,
  readUnfinished,
  type SettingName,
  trainRun,
  weightsSha256,
} from '../runs/index';
import type { Setting } from '../settings';
import { device, type Precision, type tf } from '../tf/index';
import type { EpochRecord } from '../train/index';
import { percent } from '../viz/index';
import type { TensorFlowGroup } from '../workers/index';
import {
  imagesOf,
  inColorsOf,
  inputText,
  modelOf,
  numberOf,
  optionOf,
  precisionOption,
  resolvePrecision,
  takes,
} from './common';
import type { Io } from './io';
import { listNetworks } from './list-networks';
import {
  asksForWorkers,
  joinWorkers,
  startWorkers,
  type WorkerArguments,
  workerOptions,
} from './workers';

type Given = Omit<
  RunSettings,
  'data' | 'trainImages' | 'validationImages' | 'precision' | 'inputSize'
> & {
  /** Undefined: that of the weights of --from. */
  inputSize?: number;
  trainImages?: number;
  validationImages?: number;
  precision: 'auto' | Precision;
};

interface TrainArguments extends WorkerArguments {
  run: string;
  resume?: boolean;
  change: SettingName[];
  checkpointMinutes: number;
  checkpointSteps?: number;
  memoryCheck: boolean;
  skipBad?: boolean;
  listNetworks?: boolean;
}

const { data: _, ...SETTINGS } = RUN_SETTINGS;
/** The option of each setting, by the setting's name. */
const OPTIONS = new Map(
  Object.entries(SETTINGS).map(([name, setting]) => [
    name,
    name === 'precision' ? precisionOption() : optionOf(name, setting as Setting<unknown>),
  ]),
);

export function define(command: Command, io: Io): void {
  const now = new Date().toISOString().slice(0, 19).replace(/[:T]/g, '-');
  for (const option of OPTIONS.values()) command.addOption(option);
  command
    .option('--run <dir>', 'the folder to write', path.join('runs', now))
    .option('--resume', 'continue the unfinished run in --run, with the same settings')
    .addOption(
      new Option('--change <setting...>', 'with --resume: settings to change on purpose')
        .choices(CHANGEABLE)
        .default([], 'none'),
    )
    .option(
      '--checkpoint-minutes <x>',
      'minutes between checkpoints',
      numberOf(positiveNumber),
      CHECKPOINT_MINUTES,
    )
    .option(
      '--checkpoint-steps <n>',
      'also write a checkpoint after this many steps',
      numberOf(positiveInteger),
    )
    .option('--list-networks', 'show the networks, with the time of a training step, and end')
    .option('--skip-bad', 'leave out pictures of --data that cannot be read')
    .option('--no-memory-check', 'train even if memory looks insufficient')
    .action((args) => train(io, args, command));
  workerOptions(command);
}

async function train(io: Io, args: TrainArguments, program: Command): Promise<void> {
  if (args.listNetworks) return listNetworks(io);
  if (args.change.length > 0 && !args.resume) throw new InputError('--change needs --resume');
  if (asksForWorkers(args)) return startAll(io, args, program);
  if (!args.join) return trainHere(io, args, program);
  const group = await joinWorkers(args);
  try {
    await trainHere(io, args, program, group);
    await group.leave();
  } catch (error) {
    throw await group.fail(error);
  }
}

/** Starts the workers of this machine. */
async function startAll(io: Io, args: TrainArguments, program: Command): Promise<void> {
  if (args.workers !== undefined) {
    const { batchSize } = settingsFrom(program, args.resume ? unfinishedIn(args.run) : undefined);
    if (args.workers !== 'gpus') checkWorkers(args.workers, batchSize);
  }
  let isRestart = false;
  const more = () => {
    const resumes = isRestart && !args.resume && readUnfinished(args.run) !== undefined;
    isRestart = true;
    return ['--run', args.run, ...(resumes ? ['--resume'] : [])];
  };
  if (await startWorkers(io, args, program.parent!.args, more)) io.exitCode = 130;
}

/** Trains in this process: alone, or as one of several workers. */
async function trainHere(
  io: Io,
  args: TrainArguments,
  program: Command,
  group?: TensorFlowGroup,
): Promise<void> {
  const isFirst = !group || group.index === 0;
  let unfinished = args.resume && isFirst ? unfinishedIn(args.run) : undefined;
  if (group) {
    agree(group, 'start', { 'option --resume': Boolean(args.resume) });
    // The run folder is worker 0's.
    const [text] = group.exchange('settings', JSON.stringify(unfinished ?? null));
    unfinished = JSON.parse(text) ?? undefined;
  }
  const settings = settingsFrom(program, unfinished);
  const { epochs } = settings;
  const images = await imagesOf(io, 'train', settings.dataFolder, args.skipBad);
  const model = await modelFor(io, images, settings, args.memoryCheck);
  const { train, validation } = splitImages(inColorsOf(io, model, images), settings);
  for (const doubt of doubtsAbout(train, validation)) io.warn(doubt);
  const precision = resolvePrecision(settings.precision);
  const say = (line: string) => io.print(line);
  const workers = group ? `; worker ${group.index} of ${group.count}` : '';
  const count = (n: number) => n.toLocaleString('en-US');
  const history = await trainRun(args.run, model, train, {
    ...args,
    ...settings,
    precision,
    validation,
    resume: args.resume ? 'yes' : 'no',
    changes: args.change,
    group,
    signals: ['SIGINT', 'SIGTERM'],
    say,
    onStart: () =>
      say(
        `${images.name}: ${count(train.length)} images, ${count(validation?.length ?? 0)} more for validation; ` +
          `${count(model.countParams())} parameters; ${precision} on the ${device().name}${workers}; run folder ${args.run}\n` +
          `Input: ${inputText(model)}`,
      ),
    onProgress: io.progress(),
    onEpoch: (record) => say(`Epoch ${record.epoch}/${epochs}: ${summary(record)}`),
  });
  if (history.interrupted) {
    say(`Interrupted. Continue with: npm run train -- --resume --run ${args.run}`);
    io.exitCode = 130;
  } else if (isFirst) {
    const written = fs.readdirSync(args.run).filter((name) => !name.startsWith('.'));
    say(`Written: ${args.run} (${written.join(', ')})`);
  }
  say(`weights sha256: ${weightsSha256(model)}`);
}

/** The network of `settings`: a new one, or that of --from with a last layer for the classes of `set`. */
async function modelFor(
  io: Io,
  set: ImageSet,
  settings: Given,
  memoryCheck: boolean,
): Promise<tf.LayersModel> {
  const { from, network = 'alexnet', seed, initialisation } = settings;
  const { channels, classNames } = set;
  if (from) {
    const loaded = await modelOf(
      io,
      { model: from, inputSize: settings.inputSize },
      takes(set, { anyClasses: true }),
    );
    const model = withClasses(loaded, classNames, { initialisation, seed });
    if (model !== loaded) io.print(`${from}: a new last layer for ${classNames.length} classes`);
    return model;
  }
  const { layers, pretrained, inputSize: usual } = NETWORKS[network] as Network;
  const { inputSize = usual } = settings;
  const classes = classNames.length;
  if (memoryCheck) {
    checkWeightsFit(totals(layerTable(layers, { inputSize, channels, classes })).parameters);
  }
  const model = alexnet({ layers, inputSize, channels, classes, seed, initialisation });
  if (pretrained?.channels === channels)
    describe(model, { mean: pretrained.mean, std: pretrained.std });
  return model;
}

/** The settings of the unfinished run in `folder`. */
function unfinishedIn(folder: string): RunSettings {
  const unfinished = readUnfinished(folder);
  if (!unfinished) throw new InputError(`${folder}: no unfinished run there: nothing to continue`);
  return unfinished;
}

/** The settings on the command line. The others come from the resumed run, or from the defaults. */
function settingsFrom(program: Command, unfinished?: RunSettings): Given {
  const values = [...OPTIONS].map(([name, option]) => {
    const key = option.attributeName();
    const isGiven = !unfinished || program.getOptionValueSource(key) === 'cli';
    return [name, isGiven ? program.getOptionValue(key) : unfinished[name as SettingName]];
  });
  const given = Object.fromEntries(values) as Given;
  for (const name of ['from', 'dataFolder'] as const) {
    const place = given[name];
    if (place) given[name] = path.resolve(place); // a resumed run may start elsewhere
  }
  if (unfinished) return given;
  const isDefault = (name: string) => program.getOptionValueSource(name) === 'default';
  if (given.from && !isDefault('network')) {
    throw new InputError(
      '--network cannot be used with --from: the network is the one in that model',
    );
  }
  if (given.freeze && !given.from) throw new InputError('--freeze needs --from');
  if (given.from) given.network = undefined;
  if (isDefault('inputSize')) {
    given.inputSize = given.from ? undefined : NETWORKS[given.network ?? 'alexnet'].inputSize;
  }
  return given;
}

function splitImages(
  all: ImageSet,
  { trainImages, validationImages }: Given,
): { train: ImageSet; validation?: ImageSet } {
  const held = validationImages ?? Math.floor(all.length / 12);
  if (held >= all.length) {
    throw new InputError(`--validation-images ${held}: there are only ${all.length} images`);
  }
  const { train, validation } =
    held > 0 ? splitValidation(all, held) : { train: all, validation: undefined };
  if (trainImages !== undefined && trainImages > train.length) {
    throw new InputError(
      `--train-images ${trainImages}: there are ${train.length} besides the validation images`,
    );
  }
  return { train: slice(train, 0, trainImages ?? train.length), validation };
}

function summary(record: EpochRecord): string {
  const { trainLoss, trainAccuracy, valLoss, valAccuracy, seconds, imagesPerSecond } = record;
  const validation =
    valLoss === null || valAccuracy === null
      ? ''
      : `, validation loss ${valLoss.toFixed(4)}, accuracy ${percent(valAccuracy)}`;
  return (
    `loss ${trainLoss.toFixed(4)}, accuracy ${percent(trainAccuracy)}${validation}; ` +
    `${seconds.toFixed(0)} s, ${imagesPerSecond.toFixed(1)} images/s`
  );
}
