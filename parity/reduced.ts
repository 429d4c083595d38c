/** The training comparisons: a reduced network with weights by formula, and MNIST's images in their order. */
import { type ImageSet, loadDataset } from '../src/data/index';
import { ALEXNET, type LayerSpec, zeroAlexnet } from '../src/model/index';
import type { tf } from '../src/tf/index';
import { setSeedWeights } from './parameters';
import type { ReducedNetwork } from './read-golden';

/** Settings that both sides train with. */
export const OPTIONS = { learningRate: 1e-3, weightDecay: 0.01 };

/** Calls `body` with a new network, dropout off, and the training images. Disposes the network. */
export function withReducedNetwork<T>(
  { inputSize, widths }: ReducedNetwork,
  body: (model: tf.LayersModel, set: ImageSet) => T,
): T {
  const model = zeroAlexnet({ inputSize, layers: layersOfWidths(widths), dropout: 0 });
  setSeedWeights(model);
  const result = body(model, loadDataset('train'));
  model.dispose();
  return result;
}

/** The article's layers at other widths: the filters of five convolutions and the units of the dense layers. */
function layersOfWidths(widths: number[]): LayerSpec[] {
  const filters = widths.slice(0, -1);
  const units = widths[widths.length - 1];
  return ALEXNET.map((layer) => {
    if (layer.kind === 'conv') return { ...layer, filters: filters.shift()! };
    if (layer.kind === 'dense') return { ...layer, units: layer.units && units };
    return layer;
  });
}

/** `count` batches of the first images, in their order. */
export function batchesInOrder(count: number, batchSize: number): number[][] {
  return Array.from({ length: count }, (_, batch) =>
    Array.from({ length: batchSize }, (_, i) => batch * batchSize + i),
  );
}
