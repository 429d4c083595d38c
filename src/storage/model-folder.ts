/** Models in tfjs's format, which browsers load too: a folder with `model.json` and `weights.bin`. */
import fs from 'node:fs';
import path from 'node:path';
import { type Checked, listOf, objectOf, oneOf, optional, size, text } from '../checks';
import { InputError, messageOf } from '../errors';
import { readJson, replacePath } from '../files';
import type { Dimensions } from '../model/index';
import '../model/index'; // registers our `Dropout` with tfjs's loader
import type { LoadWeightsOptions } from '../pytorch/index';
import { standInOf } from '../stand-in';
import { tf } from '../tf/index';
import { withoutSoftmax } from './logits';
import { quantise } from './quantise';

const BYTES = { float32: 4, int32: 4, bool: 1, uint8: 1, uint16: 2, float16: 2 };
const DTYPE = oneOf(Object.keys(BYTES) as (keyof typeof BYTES)[]);
const WEIGHT = objectOf({
  name: text,
  dtype: DTYPE,
  shape: listOf(size),
  quantization: optional(objectOf({ dtype: DTYPE })),
});
const MODEL_JSON = objectOf({
  format: optional(text),
  modelTopology: objectOf({}),
  weightsManifest: listOf(objectOf({ paths: listOf(text), weights: listOf(WEIGHT) })),
});

/**
 * Saves `model` as a folder, which appears complete or not at all, and replaces an existing folder. `quantised`
 * stores kernels in 8 bits: a quarter of the size, slightly less accurate.
 * Throws InputError if the folder cannot be written.
 */
export async function saveModel(
  model: tf.LayersModel,
  folder: string,
  { quantised = false }: { quantised?: boolean } = {},
): Promise<void> {
  await replacePath(folder, (temporary) => {
    const files = tf.io.fileSystem(temporary);
    return model.save(
      tf.io.withSaveHandler((artifacts) =>
        files.save!(quantised ? quantise(artifacts) : artifacts),
      ),
    );
  });
}

/** Loads a folder that `saveModel` wrote, or a run folder that contains one as `model/`. */
export async function loadFolder(
  folder: string,
  { accept }: Pick<LoadWeightsOptions, 'accept'> = {},
): Promise<tf.LayersModel> {
  const directory = [folder, path.join(folder, 'model')].find((candidate) =>
    fs.existsSync(path.join(candidate, 'model.json')),
  );
  if (fs.existsSync(path.join(folder, 'saved_model.pb'))) {
    throw new InputError(
      `${folder}: a TensorFlow SavedModel. Load it in Keras, save it as model.h5, and convert that: tensorflowjs_converter --input_format=keras model.h5 FOLDER`,
    );
  }
  if (!directory) {
    throw new InputError(`${folder}: not a model: it holds no model.json and no model/model.json`);
  }
  const topology = checkFiles(directory);
  accept?.(dimensionsIn(topology));
  let model: tf.LayersModel;
  try {
    model = await tf.loadLayersModel(`file://${path.join(directory, 'model.json')}`);
  } catch (error) {
    throw new InputError(`${directory}: the model cannot be loaded: ${messageOf(error)}`);
  }
  for (const layer of model.layers) layer.trainable = true; // saved while some were frozen
  const input = model.inputs[0].shape;
  const output = model.outputs[0].shape;
  if (input.length !== 4 || input[1] === null || input[1] !== input[2] || output.length !== 2) {
    model.dispose();
    throw new InputError(
      `${directory}: takes [${input}] and returns [${output}], want square images in and classes out`,
    );
  }
  return withoutSoftmax(model);
}

interface Topology {
  layers?: { class_name?: string; config?: { batch_input_shape?: number[]; units?: number } }[];
}

/** What the topology says of the first and the last layer, without reading weights. */
function dimensionsIn({ layers = [] }: Topology): Partial<Dimensions> {
  const channels = layers[0]?.config?.batch_input_shape?.[3];
  const last = layers.at(-1);
  return { channels, classes: last?.class_name === 'Dense' ? last.config?.units : undefined };
}

/** Checks the sizes of the files: tfjs reports damage unclearly or not at all. Returns the model's topology. */
function checkFiles(directory: string): Topology {
  const file = path.join(directory, 'model.json');
  const instead = standInOf(file);
  if (instead) throw new InputError(`${file}: ${instead}`);
  const { weightsManifest, format, modelTopology } = readJson(file, MODEL_JSON);
  if (format === 'graph-model') {
    throw new InputError(
      `${file}: a graph model, which no longer has layers. Convert the original Keras model with --output_format=tfjs_layers_model`,
    );
  }
  if (JSON.stringify(modelTopology).includes('"batch_shape"')) {
    throw new InputError(
      `${file}: written by Keras 3, which tfjs cannot read. Install tf-keras, set TF_USE_LEGACY_KERAS=1, then save the model again and convert it`,
    );
  }
  for (const { paths, weights } of weightsManifest) {
    const files = paths.map((name) => path.join(directory, name));
    const missing = files.find((file) => !fs.existsSync(file));
    if (missing) throw new InputError(`${missing}: no such file, and the model needs it`);
    const found = files.reduce((sum, file) => sum + fs.statSync(file).size, 0);
    const want = weights.reduce((sum, weight) => sum + storedBytes(weight), 0);
    if (found !== want) {
      throw new InputError(`${directory}: damaged: ${paths} has ${found} bytes, want ${want}`);
    }
  }
  const { model_config: model = modelTopology } = modelTopology as {
    model_config?: { config?: Topology };
  };
  return (model as { config?: Topology }).config ?? {};
}

function storedBytes({ shape, dtype, quantization }: Checked<typeof WEIGHT>): number {
  return shape.reduce((a, b) => a * b, BYTES[quantization?.dtype ?? dtype]);
}
