/** Writes the page. Does not import TensorFlow, because scripts/tutorial.mjs writes the page too. */
import fs from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { InputError, messageOf } from '../errors';

const SOURCE = path.join(__dirname, 'page');
const TFJS = path.resolve(__dirname, '../../node_modules/@tensorflow/tfjs/dist/tf.min.js');

/** Writes the page, without a model, to `output`/draw and returns that folder. Throws InputError if it cannot. */
export async function writePage(output: string): Promise<string> {
  const folder = path.join(output, 'draw');
  try {
    fs.mkdirSync(folder, { recursive: true });
    for (const name of ['index.html', 'style.css']) {
      fs.copyFileSync(path.join(SOURCE, name), path.join(folder, name));
    }
    // tfjs is already bundled and minified for browsers.
    fs.copyFileSync(TFJS, path.join(folder, 'tf.min.js'));
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
