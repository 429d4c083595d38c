import fs from 'node:fs';
import { InputError } from '../errors';
import { describe, inputSizeOf } from '../model/index';
import { type LoadWeightsOptions as LoadModelOptions, loadStateDict } from '../pytorch/index';
import type { tf } from '../tf/index';
import { loadFolder } from './model-folder';

export type { LoadModelOptions };

/**
 * Loads a model from a tfjs folder, a run folder (which contains such a folder as `model/`), or a PyTorch weights
 * file (`.pth` or `.safetensors`). The caller disposes the model.
 * Throws InputError if there is no model, if it is damaged, or if it is not a classifier of square images.
 */
export async function loadModel(
  place: string,
  options: LoadModelOptions = {},
): Promise<tf.LayersModel> {
  if (!fs.existsSync(place)) {
    throw new InputError(
      `${place}: no such folder or file. 'npm run train' saves a model in runs/NAME/model`,
    );
  }
  const stat = fs.statSync(place);
  if (!stat.isDirectory() && !stat.isFile()) {
    throw new InputError(`${place}: neither a folder nor a file`); // a pipe, for example, which could block forever
  }
  const isFolder = stat.isDirectory();
  const model = isFolder ? await loadFolder(place, options) : await loadStateDict(place, options);
  try {
    checkOptions(model, options);
  } catch (error) {
    model.dispose();
    throw error instanceof InputError ? new InputError(`${place}: ${error.message}`) : error;
  }
  describe(model, { mean: options.mean, std: options.std });
  return model;
}

function checkOptions(model: tf.LayersModel, { inputSize, mean, std }: LoadModelOptions): void {
  const size = inputSizeOf(model);
  if (inputSize !== undefined && inputSize !== size) {
    throw new InputError(`the model takes ${size}×${size} pixels, not ${inputSize}×${inputSize}`);
  }
  const channels = model.inputs[0].shape[3] as number;
  for (const [name, values] of Object.entries({ mean, std })) {
    if (values && values.length > 1 && values.length !== channels) {
      throw new InputError(
        `${name} has ${values.length} numbers, want 1${channels > 1 ? ` or ${channels}` : ''}, one per channel`,
      );
    }
  }
}
