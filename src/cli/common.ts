import { Command, InvalidArgumentError, Option } from 'commander';
import { InputError, messageOf } from '../errors';
import type { ProgressListener } from '../progress';
import { fastestPrecision, type Precision } from '../tf/index';
import { streamProgress } from '../viz/index';

/** A command that ends with one line and exit code 1 for whatever is wrong with its input. */
export function command(name: string, description: string): Command {
  return new Command(`npm run ${name} --`).description(description).configureOutput({
    // commander puts its "Did you mean …?" on a second line.
    outputError: (message, write) => write(message.replace(/\n\(/, ' (')),
  });
}

/** Parses the arguments and runs the command's action; errors of input become one line. */
export async function run(program: Command): Promise<void> {
  try {
    await program.parseAsync();
  } catch (error) {
    if (!(error instanceof InputError) && process.env.DEBUG) throw error;
    process.stderr.write(`error: ${messageOf(error)}\n`);
    process.exitCode = 1;
  }
}

export function positiveInteger(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < 1) {
    throw new InvalidArgumentError('Want a positive whole number.');
  }
  return value;
}

export function wholeNumber(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > 0x7fffffff) {
    throw new InvalidArgumentError('Want a whole number from 0 to 2147483647.');
  }
  return value;
}

export function positiveNumber(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value <= 0) {
    throw new InvalidArgumentError('Want a number greater than 0.');
  }
  return value;
}

export function nonNegativeNumber(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value < 0) {
    throw new InvalidArgumentError('Want a number, 0 or greater.');
  }
  return value;
}

/** Progress for people, none where standard output is for machines. */
export function progressUnless(json: boolean | undefined): ProgressListener | undefined {
  return json ? undefined : streamProgress(process.stdout);
}

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

/** `--precision`, for commands that compute much. */
export function precisionOption(): Option {
  return new Option(
    '--precision <p>',
    'of convolutions and matrix products; auto takes the faster one',
  )
    .choices(['auto', 'float32', 'bfloat16', 'float16'])
    .default('auto');
}

export function resolvePrecision(precision: 'auto' | Precision): Precision {
  return precision === 'auto' ? fastestPrecision() : precision;
}
