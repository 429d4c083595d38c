/** Runs the command of this process. */
import { main } from './main';

const argv = process.argv.slice(2);

main(argv).then((exitCode) => {
  process.exitCode ||= exitCode;
  // A worker leaves TensorFlow's threads behind, which would wait for the other workers.
  if (argv.includes('--join')) process.exit();
});
