/**
 * main.ts FILE ARGUMENTS: runs one of the commands. What goes wrong before a command can catch it, because
 * TensorFlow does not load, ends in one line too.
 */
import { messageOf } from '../errors';

const [file] = process.argv.splice(2, 1);

import(file).catch((error: unknown) => {
  if (process.env.DEBUG) throw error;
  process.stderr.write(`error: ${messageOf(error)}\n`);
  process.exitCode = 1;
});
