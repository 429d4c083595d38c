import fs from 'node:fs';
import { InputError } from '../errors';
import { type LoadWeightsOptions, loadStateDict } from '../pytorch/index';
import type { tf } from '../tf/index';
import { loadFolder } from './model-folder';

/**
 * Loads a model from a tfjs folder, from a run folder with such a folder in `model/`, or from a PyTorch weights
 * file (`.pth` or `.safetensors`). `options` are for weights files only. The caller disposes the model.
 * Throws InputError if there is no model, or it is damaged or not a classifier of square images.
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
  throw new InputError(`${place}: neither a folder nor a file`); // reading a pipe would never end
}
