/**
 * What has to be true before `@tensorflow/tfjs-node-gpu` may be loaded.
 *
 * `load.ts` imports this file first and the package second. Nothing else imports either.
 */
import fs from 'node:fs';
import path from 'node:path';
import util from 'node:util';
import { messageOf } from '../errors';

/** The binding built by `npm run setup` against the TensorFlow of the Python environment. */
export const bindingPath = path.join(
  path.dirname(require.resolve('@tensorflow/tfjs-node-gpu/package.json')),
  'lib',
  'napi-v8',
  'tfjs_binding.node',
);

prepareProcess();
checkBinding();

function prepareProcess(): void {
  // TensorFlow's own log lines would land in notebooks and JSON. Errors still come through.
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
  // tfjs-node 4.22 calls two helpers that Node 23 removed.
  const legacy = util as unknown as Record<string, (value: unknown) => boolean>;
  legacy.isNullOrUndefined ??= (value) => value === null || value === undefined;
  legacy.isString ??= (value) => typeof value === 'string';
}

function checkBinding(): void {
  if (!fs.existsSync(bindingPath)) {
    throw new Error("The TensorFlow binding is not built yet. Run 'npm run setup'.");
  }
  try {
    require(bindingPath);
  } catch (error) {
    throw new Error(
      `The TensorFlow binding does not load (${messageOf(error)}). ` +
        'It was built for another Python environment or machine, or that environment is gone. ' +
        "Run 'npm run setup', which builds it anew.",
    );
  }
}
