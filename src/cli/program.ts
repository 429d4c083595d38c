/** What every program of the project has in common: one error path, and one way to print. */
import { Command, CommanderError } from 'commander';
import { InputError, messageOf } from '../errors';
import type { Io } from './io';

/** A program whose help and errors go to `io`. Its subcommands inherit that. */
export function newProgram(name: string, description: string, io: Io): Command {
  return new Command(name)
    .description(description)
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      // commander puts its "Did you mean …?" on a second line.
      writeErr: (text) => io.stderr.write(text.replace(/\n\(/, ' (')),
    })
    .exitOverride();
}

/** Runs `body` and returns the exit code. Bad input is reported in one line; DEBUG=1 shows where a bug is. */
export async function exitCodeOf(io: Io, body: () => Promise<unknown>): Promise<number> {
  try {
    await body();
    return io.exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode;
    const isOurs = error instanceof InputError;
    const text = process.env.DEBUG && !isOurs ? (error as Error).stack : messageOf(error);
    io.stderr.write(`error: ${text}\n`);
    return isOurs ? error.exitCode : 1;
  }
}
