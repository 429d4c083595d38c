import { epochBatches, type ImageSet, makeBatch } from '../data/index';
import { turnEventLoop } from '../interrupt';
import {
  classifierOf,
  Dropout,
  inputSizeOf,
  inputsOf,
  normalisationOf,
  outputsOf,
} from '../model/index';
import { type ProgressListener, progressOf } from '../progress';
import { autocast, type Precision, tf } from '../tf/index';

/** The two halves of a network. They share its layers, whose weights are freed with the network. */
export interface Halves {
  /** From images to features [height, width, channels]. It must not be disposed. */
  features: tf.LayersModel;
  /** From features to logits. The caller disposes it before the network. */
  classifier: tf.LayersModel;
}

/** Splits `model` before its classifier. Returns undefined if dropout before it makes the features random in training. */
export function splitAtClassifier(model: tf.LayersModel): Halves | undefined {
  const classifier = classifierOf(model);
  if (model.layers.some((layer) => layer instanceof Dropout && !classifier.has(layer))) {
    return undefined;
  }
  const [first] = classifier;
  const [before] = inputsOf(first);
  const output = before.output as tf.SymbolicTensor;
  const input = tf.input({ shape: output.shape.slice(1) });
  const outputs = outputsOf(model, new Map([[before, input]]));
  return {
    features: tf.model({ inputs: model.inputs, outputs: output }),
    classifier: tf.model({ inputs: input, outputs: outputs.get(model.layers.at(-1)!)! }),
  };
}

export interface FeatureOptions {
  precision?: Precision;
  onProgress?: ProgressListener;
}

/** `set` with the features that a network computes of its images in place of the pixels. */
export async function featuresOf(
  features: tf.LayersModel,
  model: tf.LayersModel,
  set: ImageSet,
  { precision = 'float32', onProgress }: FeatureOptions = {},
): Promise<ImageSet> {
  const [, height, width, channels] = features.outputs[0].shape as number[];
  const values = new Float32Array(set.length * height * width * channels);
  const report = progressOf({ label: 'Features', total: set.length, unit: 'image' }, onProgress);
  let done = 0;
  for (const indices of epochBatches(set.length, 128)) {
    const result = tf.tidy(() => {
      const batch = makeBatch(set, indices, inputSizeOf(model), normalisationOf(model));
      return autocast(precision, () => features.apply(batch.images) as tf.Tensor).dataSync();
    });
    values.set(result, done * height * width * channels);
    done += indices.length;
    report(done);
    await turnEventLoop();
  }
  return { ...set, features: values, height, width, channels };
}
