/** Writes a model's weights for PyTorch. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { InputError } from '../errors';
import { replacePath } from '../files';
import { type BatchNorm, type LayerSpec, namedWeights } from '../model/index';
import { tf } from '../tf/index';
import { archiveBytes } from './archive';
import { compareShapes, networkFor, parameters } from './parameters';
import { safetensorsBytes } from './safetensors';
import { noteOf, type TensorSource } from './tensors';

/**
 * Writes the weights as safetensors if `file` ends in `.safetensors`, otherwise in the format of `torch.save`,
 * for `model.load_state_dict(torch.load(path, weights_only=True))`. The file appears complete or not at all.
 * Throws InputError if the model is not the network of `layers` or the file cannot be written.
 */
export async function saveStateDict(
  model: tf.LayersModel,
  file: string,
  { layers }: { layers?: readonly LayerSpec[] } = {},
): Promise<void> {
  const [, inputSize, , channels] = model.inputs[0].shape as number[];
  const classes = model.outputs[0].shape[1] as number;
  const weights = namedWeights(model);
  const wantedBy = (each: readonly LayerSpec[]) =>
    parameters(each, { inputSize, channels, classes });
  const problemsOf = (each: readonly LayerSpec[]) =>
    compareShapes(
      wantedBy(each)
        .filter(({ isCounter }) => !isCounter)
        .map(({ weight, ourShape }) => [weight, ourShape]),
      weights.map(({ name, variable }) => [name, variable.shape]),
    );
  const network = layers ?? networkFor((each) => !problemsOf(each.layers)).layers;
  const wanted = wantedBy(network);
  const problems = problemsOf(network);
  if (problems) {
    throw new InputError(
      `${file}: the model is not the network to export, so PyTorch's class could not load it: ${problems}`,
    );
  }
  const variables = new Map(weights.map(({ name, variable }) => [name, variable]));
  const sources = wanted.map(
    ({ key, weight, shape, axes, isCounter }): TensorSource =>
      isCounter
        ? { key, dtype: 'int64', shape, read: async () => counterOf(model, weight) }
        : {
            ...{ key, dtype: 'float32', shape },
            read: () => inPyTorchsOrder(variables.get(weight)!, axes),
          },
  );
  const format = /\.safetensors$/i.test(file) ? safetensorsBytes : archiveBytes;
  await replacePath(file, (temporary) => writeFile(temporary, format(sources, noteOf(model))));
}

function counterOf(model: tf.LayersModel, weight: string): BigInt64Array {
  const { calls } = model.getLayer(path.dirname(weight)) as BatchNorm;
  return BigInt64Array.of(BigInt(calls));
}

async function inPyTorchsOrder(
  variable: tf.Variable,
  [out, channels, height, width]: number[],
): Promise<Float32Array> {
  const ordered = tf.tidy(() =>
    variable.reshape([height, width, channels, out]).transpose([3, 2, 0, 1]),
  );
  try {
    return (await ordered.data()) as Float32Array;
  } finally {
    ordered.dispose();
  }
}
