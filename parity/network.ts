import { loadDataset, makeBatch } from '../src/data/index';
import { normalise } from '../src/image/index';
import { alexnet, trainableVariables } from '../src/model/index';
import { autocast, tf } from '../src/tf/index';
import { crossEntropySum } from '../src/train/index';
import {
  absolute,
  digest,
  type Golden,
  largestDifference,
  readReference,
  relative,
} from './golden';
import { parametersOf, setSeedWeights, torchValues } from './parameters';
import type { Row, Section } from './sections';

/** The whole network, 57 million weights, forward and backward on four digits. */
export function networkSections(golden: Golden): Section[] {
  const { digits, weights, layers, softmax, loss, gradients } = golden.network;
  const model = alexnet({ dropout: 0 });
  const hashes = setSeedWeights(model);
  const differing = Object.keys(weights).filter((name) => hashes[name] !== weights[name]);
  const forward: Row[] = [
    { what: 'Weights: parameters whose SHA-256 differs', measured: differing.length, limit: 0 },
  ];
  const backward: Row[] = [];
  tf.tidy(() => {
    const test = loadDataset('test');
    // The very bytes that PIL made: what our own resizing changes is measured apart from the layers.
    const grey = Uint8Array.from(readReference('parity-images.bin.gz'));
    const images = tf.tensor4d(normalise(grey), [digits.length, 227, 227, 1]);
    const labels = tf.tensor1d(
      digits.map((digit) => test.labels[digit]),
      'int32',
    );
    const names = Object.keys(layers);
    const taps = tf.model({
      inputs: model.inputs,
      outputs: names.map((name) => model.getLayer(name).output as tf.SymbolicTensor),
    });
    autocast('float32', () => {
      const outputs = taps.apply(images) as tf.Tensor[];
      names.forEach((name, i) => {
        const output = outputs[i].rank === 4 ? outputs[i].transpose([0, 3, 1, 2]) : outputs[i];
        forward.push({
          what: `${name}, values up to ${layers[name].max.toPrecision(3)}`,
          measured: absolute(digest(output.dataSync()), layers[name]),
          limit: 1e-4,
          rounding: layers[name].rounding,
        });
      });
      const logits = outputs[outputs.length - 1] as tf.Tensor2D;
      forward.push({
        what: 'Softmax',
        measured: largestDifference(tf.softmax(logits).dataSync(), softmax.values),
        limit: 1e-4,
        rounding: softmax.rounding,
      });
      const resized = makeBatch(test, digits, 227);
      const probabilities = tf.softmax(model.apply(resized.images) as tf.Tensor2D);
      forward.push({
        what: 'Softmax, the images resized by us',
        measured: largestDifference(probabilities.dataSync(), softmax.values),
        limit: 1e-4,
      });
      const meanLoss = () =>
        crossEntropySum(
          model.apply(images, { training: true }) as tf.Tensor2D,
          labels,
        ).div<tf.Scalar>(digits.length);
      const { value, grads } = tf.variableGrads(meanLoss, trainableVariables(model));
      forward.push({
        what: `Loss, ${loss.value.toFixed(3)}`,
        measured: Math.abs(value.dataSync()[0] - loss.value),
        limit: 1e-4,
        rounding: loss.rounding,
      });
      for (const parameter of parametersOf(model)) {
        const want = gradients[parameter.name];
        const ours = digest(torchValues(parameter, grads[parameter.variable.name]));
        backward.push({
          what: parameter.name,
          measured: relative(ours, want),
          limit: 1e-4,
          rounding: want.rounding,
        });
      }
    });
  });
  model.dispose();
  return [
    {
      title: 'Forward',
      text:
        `Each layer's output for four test images (${digits.join(', ')}) from the same weights, absolute: the largest ` +
        'difference of 256 values, or the root mean square over all of them, whichever is more.',
      rows: forward,
    },
    {
      title: 'Backward',
      text:
        'The gradient of the mean loss by each parameter, relative: the largest difference in parts of ' +
        "the gradient's largest value, or the norm of the difference in parts of its norm, whichever is more. " +
        'A gradient jumps where a ReLU or a pooling window is on the verge; these images are far from that.',
      rows: backward,
    },
  ];
}
