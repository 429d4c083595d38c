// Options, --help and one-line errors of the commands in this folder.
import { parseArgs } from 'node:util';
import '../preload.cjs';

/** An error that the user can fix. It is shown without a stack trace. */
export class UserError extends Error {}

/** Parses the command line as `parseArgs` does. Prints `help` and exits if it contains --help. */
export function commandLine(help, options, allowPositionals = false) {
  try {
    const parsed = parseArgs({
      allowPositionals,
      options: { ...options, help: { type: 'boolean', short: 'h' } },
    });
    if (!parsed.values.help) return parsed;
  } catch (error) {
    // Only the first sentence of Node's message is about the mistake.
    fail(new UserError(`${error.message.split('. ')[0]}; see --help`));
  }
  console.log(help);
  process.exit(0);
}

/** Whether text on `stream` can be replaced. */
export const isTerminal = (stream) => stream.isTTY && process.env.TERM !== 'dumb';

/** Prints the error and exits. Only bugs show a stack trace. */
export function fail(error) {
  if (error.name === 'AbortError') process.exit(130); // Ctrl-C during the set-up
  // Errors with `syscall` come from the machine: a full disk, a read-only folder.
  const isPlain = error instanceof UserError || error.name === 'InputError' || error.syscall;
  process.stderr.write(`${isPlain ? `error: ${error.message}` : error.stack}\n`);
  process.exit(1);
}
