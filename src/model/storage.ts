/**
 * A model on disk: a folder with `model.json` and `weights.bin`, the format of tfjs, which browsers load too; or
 * weights as PyTorch keeps them (`pytorch/`).
 */
import fs from 'node:fs';
import path from 'node:path';
import { checkObject, checkText, InputError, messageOf } from '../errors';
import { tf } from '../tf/index';
import { checkModel } from './check';
import { type LoadWeightsOptions, loadStateDict } from './pytorch/index';
import { quantise } from './quantise';
import './dropout'; // so that a saved `Dropout` comes back as ours

interface ModelFile {
  modelTopology?: unknown;
  weightsManifest?: { paths: string[]; weights: WeightEntry[] }[];
}

/**
 * Saves `model` as the folder `folder`. It appears there whole or not at all: everything is written
 * beside it first and then renamed. A model that is there already is replaced.
 * `quantised` keeps kernels in 8 bits, a quarter of the size: a little accuracy is lost.
 */
export async function saveModel(
  model: tf.LayersModel,
  folder: string,
  options: { quantised?: boolean } = {},
): Promise<void> {
  checkModel(model);
  checkText('model folder', folder);
  checkObject('options', options);
  const { quantised = false } = options;
  const target = path.resolve(folder);
  const temporary = `${target}.${process.pid}.tmp`;
  try {
    fs.mkdirSync(path.dirname(target), { recursive: true });
    const files = tf.io.fileSystem(temporary);
    await model.save(
      tf.io.withSaveHandler((artifacts) =>
        files.save!(quantised ? quantise(artifacts) : artifacts),
      ),
    );
    // The old one is set aside, not deleted, until the new one stands in its place.
    const old = `${temporary}.old`;
    if (fs.existsSync(target)) fs.renameSync(target, old);
    fs.renameSync(temporary, target);
    fs.rmSync(old, { recursive: true, force: true });
  } catch (error) {
    if (fs.existsSync(temporary)) fs.rmSync(temporary, { recursive: true, force: true });
    throw new InputError(`${folder}: the model cannot be saved: ${messageOf(error)}`);
  }
}

/**
 * Loads a model: from its folder, from a run folder that holds one as `model/`, or from a file with PyTorch's
 * weights (`.pth` or `.safetensors`), which `options` are for.
 * The caller disposes it. Throws InputError when there is none, or it is damaged or no classifier.
 */
export async function loadModel(
  place: string,
  options: LoadWeightsOptions = {},
): Promise<tf.LayersModel> {
  if (!fs.existsSync(place)) {
    throw new InputError(
      `${place}: no such folder or file. 'npm run train' makes a model, in runs/NAME/model`,
    );
  }
  const stat = fs.statSync(place);
  if (!stat.isDirectory() && !stat.isFile()) {
    throw new InputError(`${place}: neither a folder nor a file`); // a pipe would keep us waiting
  }
  return stat.isDirectory() ? loadFolder(place) : loadStateDict(place, options);
}

async function loadFolder(folder: string): Promise<tf.LayersModel> {
  const directory = modelFolder(folder);
  checkFiles(directory);
  let model: tf.LayersModel;
  try {
    model = await tf.loadLayersModel(`file://${path.join(directory, 'model.json')}`);
  } catch (error) {
    throw new InputError(`${directory}: not a model that can be loaded: ${messageOf(error)}`);
  }
  const input = model.inputs[0].shape;
  const output = model.outputs[0].shape;
  if (input.length !== 4 || input[1] === null || input[1] !== input[2] || output.length !== 2) {
    model.dispose();
    throw new InputError(
      `${directory}: takes [${input}] and gives [${output}], want square images in and classes out`,
    );
  }
  return model;
}

/** Height and width of the images that a model takes. */
export function inputSizeOf(model: tf.LayersModel): number {
  checkModel(model);
  return model.inputs[0].shape[1] as number;
}

function modelFolder(folder: string): string {
  for (const candidate of [folder, path.join(folder, 'model')]) {
    if (fs.existsSync(path.join(candidate, 'model.json'))) return candidate;
  }
  throw new InputError(`${folder}: not a model: it holds no model.json, nor model/model.json`);
}

/** tfjs's loader answers damage with an unhelpful error or none, so the sizes are checked before. */
function checkFiles(directory: string): void {
  const file = path.join(directory, 'model.json');
  let description: ModelFile;
  try {
    description = JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch (error) {
    throw new InputError(`${file}: not JSON: ${messageOf(error)}`);
  }
  if (!description?.modelTopology || !Array.isArray(description.weightsManifest)) {
    throw new InputError(
      `${file}: not a tfjs layers model: no modelTopology or no weightsManifest`,
    );
  }
  for (const group of description.weightsManifest) {
    if (!Array.isArray(group?.paths) || !Array.isArray(group?.weights)) {
      throw new InputError(`${file}: its weightsManifest lists no paths or no weights`);
    }
    if (!group.paths.every(isText) || !group.weights.every(isEntry)) {
      throw new InputError(`${file}: its weightsManifest is damaged`);
    }
    const wanted = group.weights.map(bytesOf);
    let found = 0;
    for (const name of group.paths) {
      const weights = path.join(directory, path.basename(name));
      if (!fs.existsSync(weights)) {
        throw new InputError(`${weights}: no such file, and the model needs it`);
      }
      found += fs.statSync(weights).size;
    }
    const want = wanted.reduce((sum, bytes) => sum + bytes, 0);
    if (found !== want) {
      throw new InputError(
        `${directory}: damaged: ${group.paths} hold ${found} bytes, want ${want}`,
      );
    }
  }
}

interface WeightEntry {
  name: string;
  shape: number[];
  dtype: string;
  quantization?: { dtype: string };
}

const isText = (value: unknown) => typeof value === 'string';

function isEntry(entry: WeightEntry): boolean {
  const { name, shape, dtype } = entry ?? {};
  const isSize = (size: unknown) => Number.isSafeInteger(size) && (size as number) >= 0;
  return isText(name) && isText(dtype) && Array.isArray(shape) && shape.every(isSize);
}

function bytesOf({ shape, dtype, quantization }: WeightEntry): number {
  const bytes: Record<string, number> = {
    float32: 4,
    int32: 4,
    bool: 1,
    uint8: 1,
    uint16: 2,
    float16: 2,
  };
  return (bytes[quantization?.dtype ?? dtype] ?? 4) * shape.reduce((a, b) => a * b, 1);
}
