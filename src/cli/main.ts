/**
 * main.ts FILE ARGUMENTS: runs one of the commands. An error before the command can catch it, such as a
 * TensorFlow that does not load, becomes one line too.
 */
import { messageOf } from '../errors';

const [file] = process.argv.splice(2, 1);

import(file).catch((error: unknown) => {
  if (process.env.DEBUG) throw error;
  process.stderr.write(`error: ${messageOf(error)}\n`);
  process.exitCode = 1;
});
