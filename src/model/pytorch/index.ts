/** Weights as PyTorch keeps them, `.pth` or `.safetensors`: a model from them, and a model written as them. */
import { type FileHandle, open } from 'node:fs/promises';
import path from 'node:path';
import { checkObject, checkText, InputError, messageOf } from '../../errors';
import type { ProgressListener } from '../../progress';
import { tf } from '../../tf/index';
import { zeroAlexnet } from '../alexnet';
import { checkModel } from '../check';
import { ALEXNET, type LayerSpec } from '../layers';
import { readArchive, writeArchive } from './archive';
import { readSafetensors, writeSafetensors } from './safetensors';
import { checkShapes, inferDimensions, type Parameter, parameters } from './state-dict';
import { product, readTensor, rowMajor, type StateDict } from './stored';
import { replaceFile, type TensorSource } from './write';

export interface LoadWeightsOptions {
  /** The table of the network that the weights are of. */
  layers?: readonly LayerSpec[];
  /** Height and width of the input. Left out, they are inferred: see `inferDimensions`. */
  inputSize?: number;
  onProgress?: ProgressListener;
}

/**
 * Builds a model from a state_dict, saved by `torch.save` or as safetensors; float32, float16, bfloat16 and float64
 * become float32. Takes the model's size of memory and little more. The caller disposes the model.
 * Throws InputError for what is no such file, damaged, or the weights of another network.
 */
export async function loadStateDict(
  file: string,
  { layers = ALEXNET, inputSize, onProgress }: LoadWeightsOptions = {},
): Promise<tf.Sequential> {
  const handle = await open(file).catch((error) => {
    throw new InputError(`${file}: cannot be read: ${messageOf(error)}`);
  });
  try {
    const dict = await readDirectory(handle, file);
    const dimensions = inferDimensions(layers, dict, inputSize);
    const wanted = parameters(layers, dimensions);
    checkShapes(wanted, dict);
    const model = zeroAlexnet({ ...dimensions, layers });
    try {
      await fill(model, wanted, dict, handle, progress(file, wanted, onProgress));
    } catch (error) {
      model.dispose();
      throw error;
    }
    return model;
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    // What a file has for names may hold line breaks, and an error is one line.
    throw new InputError(`${file}: ${error.message.replace(/\s+/g, ' ')}`);
  } finally {
    await handle.close();
  }
}

/** PyTorch's format before 1.6: a pickle that begins with this magic number. */
const LEGACY = Buffer.from('80028a0a6cfc9c46f9206aa85019', 'hex');

/** The file's own table of contents; the format is known by its first bytes. */
async function readDirectory(handle: FileHandle, file: string): Promise<StateDict> {
  const head = Buffer.alloc(LEGACY.length);
  const { bytesRead } = await handle.read(head, 0, head.length, 0);
  const start = head.subarray(0, bytesRead);
  if (start.toString('latin1', 0, 2) === 'PK') return readArchive(handle);
  if (start.equals(LEGACY)) {
    throw new InputError(
      "PyTorch's legacy format, without zip. Save it anew: torch.save(torch.load(path), path, _use_new_zipfile_serialization=True)",
    );
  }
  const extension = path.extname(file).toLowerCase();
  if (start[8] === 0x7b || extension === '.safetensors') return readSafetensors(handle);
  throw new InputError(
    extension === '.pth' || extension === '.pt'
      ? 'not a zip archive, want one as torch.save(model.state_dict(), path) writes it'
      : 'not a model: want a .pth or .safetensors file, a run folder, or a tfjs model folder',
  );
}

async function fill(
  model: tf.Sequential,
  wanted: readonly Parameter[],
  { tensors }: StateDict,
  handle: FileHandle,
  onRead: (bytes: number) => void,
): Promise<void> {
  let done = 0;
  for (const { key, layer, index, shape, axes, permutation, ourShape } of wanted) {
    const stored = tensors.get(key)!;
    // Taking the inputs of the first dense layer apart: its columns, each a stride apart, become three axes.
    const tail = rowMajor(axes.slice(1)).map((step) => step * stored.strides[1]);
    const strides = axes.length > shape.length ? [stored.strides[0], ...tail] : stored.strides;
    const ours = rowMajor(permutation.map((axis) => axes[axis]));
    const places = axes.map((_, axis) => ours[permutation.indexOf(axis)]);
    let values: Float32Array;
    try {
      values = await readTensor(handle, { ...stored, shape: axes, strides }, places, (elements) =>
        onRead(4 * (done + elements)),
      );
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      throw new InputError(`${key}: ${error.message}`);
    }
    done += values.length;
    const tensor = tf.tensor(values, ourShape);
    model.getLayer(layer).weights[index].write(tensor);
    tensor.dispose();
  }
}

/** Counts megabytes of weights. */
function progress(
  file: string,
  wanted: readonly Parameter[],
  onProgress?: ProgressListener,
): (bytes: number) => void {
  const started = performance.now();
  const bytes = 4 * wanted.reduce((sum, { shape }) => sum + product(shape), 0);
  const total = Math.ceil(bytes / 1e6);
  return (read) =>
    onProgress?.({
      label: `Reading ${path.basename(file)}`,
      done: read === bytes ? total : Math.floor(read / 1e6),
      total,
      unit: 'MB',
      seconds: (performance.now() - started) / 1000,
    });
}

/**
 * Writes the model's weights for PyTorch: safetensors if the name ends so, else as `torch.save` does.
 * `model.load_state_dict(torch.load(path, weights_only=True))` takes them. The file appears whole or not at all.
 * Throws InputError if the model is not the network of the table, or the file cannot be written.
 */
export async function saveStateDict(
  model: tf.LayersModel,
  file: string,
  options: { layers?: readonly LayerSpec[] } = {},
): Promise<void> {
  checkModel(model);
  checkText('file', file);
  const [, inputSize, , channels] = model.inputs[0].shape as number[];
  const classes = model.outputs[0].shape[1] as number;
  checkObject('options', options);
  const { layers = ALEXNET } = options;
  const wanted = parameters(layers, { inputSize, channels, classes });
  checkIsTable(model, wanted, file);
  const sources = wanted.map((parameter) => source(model, parameter));
  const write = /\.safetensors$/i.test(file) ? writeSafetensors : writeArchive;
  await replaceFile(file, (handle) => write(handle, sources, inputSize));
}

function checkIsTable(model: tf.LayersModel, wanted: readonly Parameter[], file: string): void {
  const problems = wanted.flatMap(({ layer, index, ourShape }) => {
    const found = model.layers.find(({ name }) => name === layer)?.weights[index];
    if (!found) return `no ${layer} with weights`;
    return found.shape.join() === ourShape.join()
      ? []
      : `${found.name} is [${found.shape}], want [${ourShape}]`;
  });
  const known = new Set(wanted.map(({ layer }) => layer));
  for (const { name, weights } of model.layers) {
    if (weights.length > 0 && !known.has(name)) problems.push(`${name} is not in the network`);
  }
  if (problems.length > 0) {
    throw new InputError(
      `${file}: the model is not the network of the article, so PyTorch's class cannot take it: ${problems.join('; ')}`,
    );
  }
}

function source(model: tf.LayersModel, parameter: Parameter): TensorSource {
  const { key, layer, index, shape, axes, permutation } = parameter;
  const read = async () => {
    const ordered = tf.tidy(() => {
      const inverse = axes.map((_, axis) => permutation.indexOf(axis));
      return model
        .getLayer(layer)
        .weights[index].read()
        .reshape(permutation.map((axis) => axes[axis]))
        .transpose(inverse);
    });
    try {
      return (await ordered.data()) as Float32Array;
    } finally {
      ordered.dispose();
    }
  };
  return { key, shape, read };
}
