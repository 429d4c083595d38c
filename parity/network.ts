import { createHash } from 'node:crypto';
import { type Batch, loadDataset, makeBatch } from '../src/data/index';
import { normalise } from '../src/image/index';
import { alexnet } from '../src/model/index';
import { tf } from '../src/tf/index';
import { explanationRows } from './explanations';
import { absolute, largestDifference } from './fingerprint';
import { meanLoss, parametersOf, setSeedWeights, torchValues } from './parameters';
import { type Golden, readUnzipped } from './read-golden';
import { type Row, row, type Section, tensorRow } from './sections';
import { initializationRows } from './statistics';

/** The whole network, 57 million weights: as initialized; then with weights by formula, on four digits. */
export function networkSections({ network, explanations, initialisation }: Golden): Section[] {
  const model = alexnet({ dropout: 0 });
  const initialization = initializationRows(model, initialisation);
  setSeedWeights(model);
  const sections: Section[] = [];
  tf.tidy(() => {
    const resized = makeBatch(loadDataset('test'), network.digits, 227);
    // The bytes that PIL made, so that our resizing does not affect the layers.
    const pixels = Uint8Array.from(readUnzipped('parity-images.bin.gz'));
    const images = tf.tensor4d(normalise(pixels), resized.images.shape);
    const [loss, ...gradients] = backwardRows(model, { ...resized, images }, network);
    const forward = [
      weightsRow(model, network),
      ...layerRows(model, images, network),
      row('Softmax', softmaxError(model, images, network), 1e-4, network.softmax.rounding),
      row('Softmax, the images resized by us', softmaxError(model, resized.images, network), 1e-4),
      loss,
    ];
    sections.push({ title: 'Forward', rows: forward }, { title: 'Backward', rows: gradients });
  });
  const explained = explanationRows(model, explanations);
  model.dispose();
  return [
    ...sections,
    { title: 'Explanations', rows: explained },
    { title: 'Initialization', rows: initialization },
  ];
}

function weightsRow(model: tf.LayersModel, { weights }: Golden['network']): Row {
  const wrong = parametersOf(model).filter((parameter) => {
    const values = torchValues(parameter, parameter.variable);
    return createHash('sha256').update(values).digest('hex') !== weights[parameter.name];
  });
  return row('Weights: parameters whose SHA-256 differs', wrong.length, 0);
}

function layerRows(model: tf.LayersModel, images: tf.Tensor, golden: Golden['network']): Row[] {
  const names = Object.keys(golden.layers);
  const outputs = names.map((name) => model.getLayer(name).output as tf.SymbolicTensor);
  const values = tf.model({ inputs: model.inputs, outputs }).apply(images) as tf.Tensor[];
  return names.map((name, i) => {
    const output = values[i].rank === 4 ? values[i].transpose([0, 3, 1, 2]) : values[i];
    const want = golden.layers[name];
    const what = `${name}, values up to ${want.max.toPrecision(3)}`;
    return tensorRow(what, output.dataSync(), want, absolute);
  });
}

function softmaxError(
  model: tf.LayersModel,
  images: tf.Tensor,
  { softmax }: Golden['network'],
): number {
  const logits = model.apply(images) as tf.Tensor2D;
  return largestDifference(tf.softmax(logits).dataSync(), softmax.values);
}

/** A row for the loss and one for the gradient of each parameter. */
function backwardRows(model: tf.LayersModel, batch: Batch, golden: Golden['network']): Row[] {
  const { value, grads } = meanLoss(model, batch);
  const { loss, gradients } = golden;
  const difference = Math.abs(value.dataSync()[0] - loss.value);
  return [
    row(`Loss, ${loss.value.toFixed(3)}`, difference, 1e-4, loss.rounding),
    ...parametersOf(model).map((parameter) => {
      const ours = torchValues(parameter, grads[parameter.variable.name]);
      return tensorRow(parameter.name, ours, gradients[parameter.name]);
    }),
  ];
}
