import { loadDataset, makeBatch } from '../src/data/index';
import { normalise } from '../src/image/index';
import { alexnet, trainableVariables } from '../src/model/index';
import { tf } from '../src/tf/index';
import { crossEntropySum } from '../src/train/index';
import { absolute, fingerprint, largestDifference, relative } from './fingerprint';
import { parametersOf, setSeedWeights, torchOrder, valuesOf } from './parameters';
import { type Golden, readUnzipped } from './read-golden';
import { type Row, row, type Section } from './sections';

/** The whole network, 57 million weights, forward and backward on four digits. */
export function networkSections({ network }: Golden): Section[] {
  const { digits, weights } = network;
  const model = alexnet({ dropout: 0 });
  const hashes = setSeedWeights(model);
  const wrong = Object.keys(weights).filter((name) => hashes[name] !== weights[name]);
  // The bytes that PIL made, so that our resizing does not affect the layers.
  const grey = Uint8Array.from(readUnzipped('parity-images.bin.gz'));
  const forward = [row('Weights: parameters whose SHA-256 differs', wrong.length, 0)];
  const backward: Row[] = [];
  tf.tidy(() => {
    const images = tf.tensor4d(normalise(grey), [digits.length, 227, 227, 1]);
    forward.push(...forwardRows(model, images, network));
    const { loss, gradients } = backwardRows(model, images, network);
    forward.push(loss);
    backward.push(...gradients);
  });
  model.dispose();
  return [
    {
      title: 'Forward',
      text:
        `The output of each layer for four test images (${digits.join(', ')}) from the same weights, absolute: the ` +
        'largest difference of 256 values or the root mean square over all values, whichever is larger.',
      rows: forward,
    },
    {
      title: 'Backward',
      text:
        'The gradient of the mean loss for each parameter, relative: the largest difference divided by the ' +
        "gradient's largest value, or the norm of the difference divided by the gradient's norm, whichever is " +
        'larger. Gradients jump where the input of a ReLU is near zero or two values of a pooling window are nearly ' +
        'equal; these images are far from that.',
      rows: backward,
    },
  ];
}

function forwardRows(
  model: tf.LayersModel,
  images: tf.Tensor4D,
  { digits, layers, softmax }: Golden['network'],
): Row[] {
  const names = Object.keys(layers);
  const outputs = tf
    .model({
      inputs: model.inputs,
      outputs: names.map((name) => model.getLayer(name).output as tf.SymbolicTensor),
    })
    .apply(images) as tf.Tensor[];
  const softmaxDifference = (logits: tf.Tensor) =>
    largestDifference(tf.softmax(logits as tf.Tensor2D).dataSync(), softmax.values);
  const resized = makeBatch(loadDataset('test'), digits, 227);
  return [
    ...names.map((name, i) => {
      const output = outputs[i].rank === 4 ? outputs[i].transpose([0, 3, 1, 2]) : outputs[i];
      const want = layers[name];
      const what = `${name}, values up to ${want.max.toPrecision(3)}`;
      return row(what, absolute(fingerprint(output.dataSync()), want), 1e-4, want.rounding);
    }),
    row('Softmax', softmaxDifference(outputs[outputs.length - 1]), 1e-4, softmax.rounding),
    row(
      'Softmax, the images resized by us',
      softmaxDifference(model.apply(resized.images) as tf.Tensor),
      1e-4,
    ),
  ];
}

function backwardRows(
  model: tf.LayersModel,
  images: tf.Tensor4D,
  { digits, loss, gradients }: Golden['network'],
): { loss: Row; gradients: Row[] } {
  const test = loadDataset('test');
  const labels = tf.tensor1d(
    digits.map((digit) => test.labels[digit]),
    'int32',
  );
  const { value, grads } = tf.variableGrads(() => {
    const logits = model.apply(images, { training: true }) as tf.Tensor2D;
    return crossEntropySum(logits, labels).div<tf.Scalar>(digits.length);
  }, trainableVariables(model));
  return {
    loss: row(
      `Loss, ${loss.value.toFixed(3)}`,
      Math.abs(value.dataSync()[0] - loss.value),
      1e-4,
      loss.rounding,
    ),
    gradients: parametersOf(model).map((parameter) => {
      const want = gradients[parameter.name];
      const ours = valuesOf(() => torchOrder(parameter, grads[parameter.variable.name]));
      return row(parameter.name, relative(fingerprint(ours), want), 1e-4, want.rounding);
    }),
  };
}
