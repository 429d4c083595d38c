/** Writes the page. Does not import TensorFlow, because scripts/tutorial/tutorial.mjs writes the page too. */
import fs from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { InputError, messageOf } from '../errors';
import { root } from '../root';

const SOURCE = path.join(root, 'src', 'draw', 'page');
const PACKAGES = path.join(root, 'node_modules', '@tensorflow');
const WASM = 'tfjs-backend-wasm';
/** Already bundled and minified for browsers. The browser takes one of the .wasm files, by what it is capable of. */
const LIBRARIES = [
  'tfjs/dist/tf.min.js',
  `${WASM}/dist/tf-backend-wasm.min.js`,
  ...['', '-simd', '-threaded-simd'].map((kind) => `${WASM}/dist/${WASM}${kind}.wasm`),
];

/** Writes the page, without a model, to `output`/draw and returns that folder. Throws InputError if it cannot. */
export async function writePage(output: string): Promise<string> {
  const folder = path.join(output, 'draw');
  try {
    fs.mkdirSync(folder, { recursive: true });
    for (const name of ['index.html', 'style.css']) {
      fs.copyFileSync(path.join(SOURCE, name), path.join(folder, name));
    }
    for (const file of LIBRARIES) {
      fs.copyFileSync(path.join(PACKAGES, file), path.join(folder, path.basename(file)));
    }
    await build({
      entryPoints: ['page.ts', 'worker.ts'].map((name) => path.join(SOURCE, name)),
      outdir: folder,
      bundle: true,
      minify: true,
      format: 'iife',
      platform: 'browser',
      target: 'es2022',
      legalComments: 'none',
      logLevel: 'silent',
    });
  } catch (error) {
    throw new InputError(`${folder}: the page cannot be written: ${messageOf(error)}`);
  }
  return folder;
}
