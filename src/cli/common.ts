import { type Command, InvalidArgumentError, Option } from 'commander';
import { type Check, number, positiveInteger, positiveNumber } from '../checks';
import { type ImageSet, inColour, loadDataset, type Split, slice } from '../data/index';
import { absentClasses, loadImages } from '../datasets/index';
import { InputError } from '../errors';
import { checkDimensions, inputSizeOf, normalisationOf } from '../model/index';
import { interruption } from '../runs/index';
import type { Setting } from '../settings';
import { type LoadModelOptions, loadModel } from '../storage/index';
import { fastestPrecision, PRECISIONS, type Precision, type tf } from '../tf/index';
import { TRAIN_SETTINGS } from '../train/index';
import { streamProgress } from '../viz/index';
import type { Io } from './io';

/** The command-line option of a setting. */
export function optionOf(name: string, setting: Setting<unknown>): Option {
  const flag = setting.flag ?? name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  const { choices, isNumber } = setting.check;
  const placeholder = choices ? ' <name>' : isNumber ? ' <n>' : ' <dir>';
  const option = new Option(
    `--${flag}${setting.default === false ? '' : placeholder}`,
    setting.help,
  );
  if (choices) option.choices(choices);
  else if (isNumber) option.argParser(numberOf(setting.check as Check<number>));
  return setting.default == null || setting.default === false
    ? option
    : option.default(setting.default);
}

/** Returns a parser of numbers that pass `wanted`. */
export function numberOf(wanted: Check<number>): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (wanted.problem(value, '')) throw new InvalidArgumentError(`Want ${wanted.want}.`);
    return value;
  };
}

/** Returns a parser of comma-separated numbers: one for all channels, or one for each of three. */
function numbersOf(wanted: Check<number>): (text: string) => number[] {
  const parse = numberOf(wanted);
  return (text) => {
    const values = text.split(',').map(parse);
    if (values.length !== 1 && values.length !== 3) {
      throw new InvalidArgumentError('Want one number, or three separated by commas.');
    }
    return values;
  };
}

export const MODEL_HELP =
  'a run folder, a tfjs model folder, or PyTorch weights: .pth, .safetensors';

export interface ModelArguments {
  model: string;
  /** Of `weightsOptions`. */
  inputSize?: number;
  mean?: number[];
  std?: number[];
  key?: string;
  json?: boolean;
}

/** Adds the option that says which model to load, and `weightsOptions`. */
export function modelOptions(program: Command): Command {
  return weightsOptions(program.requiredOption('--model <dir>', MODEL_HELP));
}

/** Adds what the weights files of others do not say. */
export function weightsOptions(program: Command): Command {
  return program
    .option(
      '--input-size <n>',
      'for weights trained elsewhere: height and width of the input, in pixels',
      numberOf(positiveInteger),
    )
    .option(
      '--mean <list>',
      'for weights trained elsewhere: the mean passed to Normalize, such as 0.1307 or 0.485,0.456,0.406',
      numbersOf(number),
    )
    .option(
      '--std <list>',
      'the standard deviation passed to Normalize, such as 0.3081 or 0.229,0.224,0.225',
      numbersOf(positiveNumber),
    )
    .option('--key <name>', 'the entry of a checkpoint that holds the weights, if several fit');
}

/** Loads the model of `modelOptions`. Warnings go to standard error. */
export function modelOf(
  io: Io,
  args: ModelArguments,
  accept?: LoadModelOptions['accept'],
): Promise<tf.LayersModel> {
  warnIfInterrupted(io, args.model);
  return loadModel(args.model, { ...loadOptions(io, args), accept });
}

/** Refuses a model for other images than those of `set`. Gray images can be made color ones. */
export function takes(set: ImageSet, { anyClasses = false } = {}): LoadModelOptions['accept'] {
  return ({ channels, classes }) => {
    const canConvert = set.channels === 1 && channels === 3;
    checkDimensions(
      { channels: canConvert ? undefined : channels, classes: anyClasses ? undefined : classes },
      set,
    );
  };
}

export function loadOptions(io: Io, args: Omit<ModelArguments, 'model'>): LoadModelOptions {
  const { inputSize, mean, std, key, json } = args;
  const say = (line: string) => io.note(line);
  return { inputSize, mean, std, key, say, onProgress: io.progress(json) };
}

/** `227×227 grey, normalised with mean 0.5 and standard deviation 0.5` */
export function inputText(model: tf.LayersModel): string {
  const size = inputSizeOf(model);
  const { mean, std } = normalisationOf(model);
  const kind = model.inputs[0].shape[3] === 1 ? 'grey' : 'colour';
  return `${size}×${size} ${kind}, normalised with mean ${mean.join(', ')} and standard deviation ${std.join(', ')}`;
}

/** The images in the colors that `model` wants: gray ones are repeated for a color model, and the user is told. */
export function inColorsOf(io: Io, model: tf.LayersModel, set: ImageSet): ImageSet {
  if (model.inputs[0].shape[3] !== 3 || set.channels !== 1) return set;
  io.note(
    `the model takes colour images, so the grey values of ${set.name} are used for red, green and blue`,
  );
  return inColour(set);
}

/** Images of MNIST or those at `place`. Tells about anything unexpected, and shows progress, on standard error. */
export function imagesOf(
  io: Io,
  split: Split,
  place?: string | null,
  skipBad = false,
): Promise<ImageSet> {
  if (!place) return Promise.resolve(loadDataset(split));
  return loadImages(place, split, {
    skipBad,
    say: (line) => io.warn(line),
    onProgress: streamProgress(io.stderr),
  });
}

/** The first `count` test images, or all. */
export async function testImages(io: Io, count?: number, place?: string): Promise<ImageSet> {
  const all = await imagesOf(io, 'test', place);
  if (count !== undefined && count > all.length) {
    throw new InputError(`--images ${count}: there are only ${all.length}`);
  }
  const set = count === undefined ? all : slice(all, 0, count);
  const absent = absentClasses(set);
  if (absent) io.warn(absent);
  return set;
}

/** Warns if `place` is the folder of a run that was interrupted. */
export function warnIfInterrupted(io: Io, place: string): void {
  const warning = interruption(place);
  if (warning) io.warn(warning);
}

export function precisionOption(): Option {
  const { help } = TRAIN_SETTINGS.precision;
  return new Option('--precision <name>', `${help}; auto picks the faster one`)
    .choices(['auto', ...PRECISIONS])
    .default('auto');
}

export function resolvePrecision(precision: 'auto' | Precision): Precision {
  return precision === 'auto' ? fastestPrecision() : precision;
}
