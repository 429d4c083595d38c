import fs from 'node:fs';
import { InputError } from '../errors';
import { type LoadWeightsOptions, loadStateDict } from '../pytorch/index';
import type { tf } from '../tf/index';
import { loadFolder } from './model-folder';

/**
 * Loads a model from a tfjs folder, a run folder (which contains such a folder as `model/`), or a PyTorch weights
 * file (`.pth` or `.safetensors`). `options` apply to weights files only. The caller disposes the model.
 * Throws InputError if there is no model, if it is damaged, or if it is not a classifier of square images.
 */
export async function loadModel(
  place: string,
  options: LoadWeightsOptions = {},
): Promise<tf.LayersModel> {
  if (!fs.existsSync(place)) {
    throw new InputError(
      `${place}: no such folder or file. 'npm run train' saves a model in runs/NAME/model`,
    );
  }
  const stat = fs.statSync(place);
  if (stat.isDirectory()) return loadFolder(place);
  if (stat.isFile()) return loadStateDict(place, options);
  throw new InputError(`${place}: neither a folder nor a file`); // a pipe, for example, which could block forever
}
