/** How a network sorts images: the features that it computes, and their projection to a plane. */
import { UMAP } from 'umap-js';
import { epochBatches, type ImageSet, makeBatch, randomUniform } from '../data/index';
import { inputSizeOf, normalisationOf } from '../model/index';
import { attribute, backend, DType, tf } from '../tf/index';

/** Points in the plane. */
export type Points = [x: number, y: number][];

/**
 * What the last layer gets, for each image of `set`: float32 [images, features]. The caller disposes it.
 */
export function features(model: tf.LayersModel, set: ImageSet): tf.Tensor2D {
  const output = model.layers[model.layers.length - 1].getInputAt(0) as tf.SymbolicTensor;
  const inside = tf.model({ inputs: model.inputs, outputs: output });
  return tf.tidy(() => {
    const parts = epochBatches(set.length, 128).map((indices) =>
      tf.tidy(() => {
        const batch = makeBatch(set, indices, inputSizeOf(model), normalisationOf(model));
        return inside.apply(batch.images) as tf.Tensor2D;
      }),
    );
    return tf.concat2d(parts, 0);
  });
}

/**
 * Principal component analysis: the two directions in which the rows differ most. `share` is how much of the variance
 * they hold. Uses the rows' products [images, images], a smaller matrix than the covariances [features, features].
 */
export function projectPca(rows: tf.Tensor2D): { points: Points; share: number } {
  return tf.tidy(() => {
    const centred = rows.sub(rows.mean(0));
    const products = centred.matMul(centred as tf.Tensor2D, false, true); // [images, images]
    const [values, vectors] = backend().executeMultipleOutputs(
      'SelfAdjointEigV2',
      [attribute.bool('compute_v', true), attribute.type('T', DType.float32)],
      [products],
      2,
    ); // in ascending order
    const scores = vectors.mul(values.relu().sqrt()).arraySync() as number[][];
    const variances = Array.from(values.dataSync());
    const total = variances.reduce((a, b) => a + b);
    const points = scores.map((row): [number, number] => [
      row[row.length - 1],
      row[row.length - 2],
    ]);
    return {
      points,
      share: (variances[variances.length - 1] + variances[variances.length - 2]) / total,
    };
  });
}

/**
 * UMAP: keeps neighbours together, and says little about distances between groups. The same `seed` gives the same
 * points. McInnes, Healy, Melville: UMAP: Uniform Manifold Approximation and Projection, 2018.
 */
export function projectUmap(rows: tf.Tensor2D, { neighbours = 15, seed = 42 } = {}): Points {
  // TensorFlow finds the neighbours exactly and much faster than the library.
  const [distances, indices] = tf.tidy(() => {
    const squares = rows.square().sum(1, true);
    const products = rows.matMul(rows, false, true).mul(2);
    const squared = squares.add(squares.transpose()).sub(products).relu();
    const nearest = tf.topk(squared.neg(), neighbours);
    return [nearest.values.neg().sqrt().arraySync(), nearest.indices.arraySync()];
  });
  const umap = new UMAP({ nNeighbors: neighbours, random: randomUniform(seed) });
  umap.setPrecomputedKNN(indices as number[][], distances as number[][]);
  return umap.fit(rows.arraySync()) as Points;
}
