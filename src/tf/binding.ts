/**
 * Prepares the process for `@tensorflow/tfjs-node-gpu` and checks that its binding loads.
 *
 * `load.ts` imports this file first and the package second.
 */
import fs from 'node:fs';
import path from 'node:path';
import util from 'node:util';
import { messageOf } from '../errors';

/** The binding built by `npm run setup` against the TensorFlow of the Python environment. */
const bindingPath = path.join(
  path.dirname(require.resolve('@tensorflow/tfjs-node-gpu/package.json')),
  'lib',
  'napi-v8',
  'tfjs_binding.node',
);

// Keeps TensorFlow's log lines out of notebooks and JSON. Errors are still printed.
process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
/** The GPUs that the user has chosen. Undefined: all. */
export const chosenGpus = process.env.CUDA_VISIBLE_DEVICES;
// With several GPUs, tfjs would create tensors on the last one, and TensorFlow would compute on the first.
process.env.CUDA_VISIBLE_DEVICES ??= '0';
// tfjs-node 4.22 calls two helpers that Node 23 removed.
const legacy = util as unknown as Record<string, (value: unknown) => boolean>;
legacy.isNullOrUndefined ??= (value) => value === null || value === undefined;
legacy.isString ??= (value) => typeof value === 'string';

if (!fs.existsSync(bindingPath)) {
  throw new Error("The TensorFlow binding has not been built yet. Run 'npm run setup'.");
}
try {
  require(bindingPath);
} catch (error) {
  throw new Error(
    `The TensorFlow binding does not load (${messageOf(error)}). ` +
      'It was built for another Python environment or machine, or that environment is gone. ' +
      "Run 'npm run setup' to build it again.",
  );
}
