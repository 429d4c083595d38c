// The program as one file, with its packages: it starts faster than their thousand files.
import fs from 'node:fs';
import path from 'node:path';
import { UserError } from './setup/command.mjs';
import { root } from './setup/environment.mjs';

const TFJS_NODE = '@tensorflow/tfjs-node-gpu';
const source = path.join(root, 'src');
const bundle = path.join(root, 'build', 'program.cjs');

/** Writes the bundle, which scripts/start.cjs runs, if a source is newer. */
export async function bringBundleUpToDate() {
  if (modified(bundle) >= Math.max(...sources().map(modified))) return;
  try {
    await build();
  } catch (error) {
    throw new UserError(`${bundle}: cannot be built: ${error.message}`);
  }
}

function sources() {
  const names = fs.readdirSync(source, { recursive: true }).filter((name) => name.endsWith('.ts'));
  return [...names.map((name) => path.join(source, name)), path.join(root, 'package-lock.json')];
}

/** In milliseconds; 0 if the file is missing. */
const modified = (file) => fs.statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;

async function build() {
  const started = new Date(); // what is edited from now on is newer
  const temporary = `${bundle}.${process.pid}`;
  const esbuild = await import('esbuild');
  await esbuild.build({
    entryPoints: [path.join(source, 'cli', 'bin.ts')],
    outfile: temporary,
    bundle: true,
    // Packages with native code or files of their own.
    external: ['sharp', 'jimp', 'esbuild', 'tslab', `${TFJS_NODE}/package.json`],
    mainFields: ['main'], // what Node takes
    plugins: [leanTensorFlow],
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    minifyWhitespace: true, // a third less to read
    logLevel: 'error',
  });
  fs.utimesSync(temporary, started, started);
  const folder = path.dirname(bundle);
  for (const name of fs.readdirSync(folder).filter((each) => each.endsWith('.cache'))) {
    fs.rmSync(path.join(folder, name), { force: true }); // of the old bundle
  }
  fs.renameSync(temporary, bundle);
}

/**
 * Leaves out what tfjs-node loads and we do not use: tfjs's other backends, SavedModels, and the package that finds its
 * binding.
 */
const leanTensorFlow = {
  name: 'lean-tensorflow',
  setup(build) {
    const replacements = {
      '@tensorflow/tfjs-backend-cpu': '',
      '@tensorflow/tfjs-backend-webgl': '',
      './proto/api_pb': '',
      '@mapbox/node-pre-gyp': `
        const file = require.resolve('${TFJS_NODE}/package.json');
        exports.find = () => require('path').join(file, '../lib/napi-v8/tfjs_binding.node');`,
    };
    const names = new RegExp(`^(${Object.keys(replacements).join('|')})$`);
    build.onResolve({ filter: names }, ({ path }) => ({ path, namespace: 'replaced' }));
    build.onLoad({ filter: /.*/, namespace: 'replaced' }, ({ path }) => ({
      contents: replacements[path],
      resolveDir: root,
    }));
  },
};
