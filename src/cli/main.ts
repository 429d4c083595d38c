/**
 * main.ts FILE ARGUMENTS: runs one of the commands. Errors that a command cannot catch, such as a TensorFlow that does
 * not load, are printed as one line too.
 */
import { messageOf } from '../errors';

const [file] = process.argv.splice(2, 1);

try {
  require(file);
} catch (error) {
  if (process.env.DEBUG) throw error;
  process.stderr.write(`error: ${messageOf(error)}\n`);
  process.exitCode = 1;
}
