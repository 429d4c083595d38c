import { Command, InvalidArgumentError, Option } from 'commander';
import type { Check } from '../checks';
import { type ImageSet, loadDataset, type Split, slice } from '../data/index';
import { loadImages } from '../datasets/index';
import { InputError, messageOf } from '../errors';
import type { ProgressListener } from '../progress';
import { interruption } from '../runs/index';
import type { Setting } from '../settings';
import { fastestPrecision, PRECISIONS, type Precision } from '../tf/index';
import { TRAIN_SETTINGS } from '../train/index';
import { streamProgress } from '../viz/index';

/** A command that reports bad input as one line and exits with 1. */
export function command(name: string, description: string): Command {
  return new Command(`npm run ${name} --`).description(description).configureOutput({
    // commander puts its "Did you mean …?" on a second line.
    outputError: (message, write) => write(message.replace(/\n\(/, ' (')),
  });
}

/** Parses the arguments and runs the command. */
export async function run(program: Command): Promise<void> {
  try {
    await program.parseAsync();
  } catch (error) {
    if (!(error instanceof InputError) && process.env.DEBUG) throw error;
    process.stderr.write(`error: ${messageOf(error)}\n`);
    process.exitCode = 1;
  }
}

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

export const MODEL_HELP =
  'a run folder, a tfjs model folder, or PyTorch weights: .pth, .safetensors';

/** A progress bar, or none if standard output is JSON. */
export function progressUnless(json: boolean | undefined): ProgressListener | undefined {
  return json ? undefined : streamProgress(process.stdout);
}

/** Images of MNIST or those at `place`. Tells about anything unexpected, and shows progress, on standard error. */
export function imagesOf(split: Split, place?: string | null, skipBad = false): Promise<ImageSet> {
  if (!place) return Promise.resolve(loadDataset(split));
  return loadImages(place, split, {
    skipBad,
    say: (line) => process.stderr.write(`warning: ${line}\n`),
    onProgress: streamProgress(process.stderr),
  });
}

/** The first `count` test images, or all. */
export async function testImages(count?: number, place?: string): Promise<ImageSet> {
  const all = await imagesOf('test', place);
  if (count !== undefined && count > all.length) {
    throw new InputError(`--images ${count}: there are only ${all.length}`);
  }
  return count === undefined ? all : slice(all, 0, count);
}

/** Warns if `place` is the folder of a run that was interrupted. */
export function warnIfInterrupted(place: string): void {
  const warning = interruption(place);
  if (warning) process.stderr.write(`warning: ${warning}\n`);
}

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
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
