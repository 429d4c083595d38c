import { seededNormal, seededUniform, tf } from '../tf/index';

/**
 * - `pytorch`: PyTorch's default for Conv2d and Linear: weights and biases uniform in ±1/√fan_in
 *   (kaiming_uniform with a = √5 amounts to that).
 * - `he`: weights normal with standard deviation √(2 / fan_in), biases 0 (He et al. 2015, for ReLU).
 * - `glorot`: weights uniform in ±√(6 / (fan_in + fan_out)), biases 0 (Glorot, Bengio 2010).
 */
export type Initialisation = 'pytorch' | 'he' | 'glorot';

export const INITIALISATIONS: readonly Initialisation[] = ['pytorch', 'he', 'glorot'];

/** Gives all convolutions and dense layers new random weights, determined by `seed`. */
export function initialise(model: tf.LayersModel, how: Initialisation, seed: number): void {
  model.layers.forEach((layer, index) => {
    initialiseLayer(layer, how, seed, index);
  });
}

/** The same for one layer. Each `index` gives other weights. */
export function initialiseLayer(
  layer: tf.layers.Layer,
  how: Initialisation,
  seed: number,
  index: number,
): void {
  const [kernel, bias] = layer.getWeights(); // [height, width, in, out] or [in, out]; [out]
  if (!kernel || kernel.rank === 1) return; // batch normalisation starts with γ = 1 and β = 0
  const receptive = kernel.shape.slice(0, -2).reduce((a, b) => a * b, 1);
  const [inputs, outputs] = kernel.shape.slice(-2);
  const fanIn = receptive * inputs;
  const fanOut = receptive * outputs;
  const stream = 2 * index;
  tf.tidy(() => {
    const bound = how === 'glorot' ? Math.sqrt(6 / (fanIn + fanOut)) : 1 / Math.sqrt(fanIn);
    const weights =
      how === 'he'
        ? seededNormal(kernel.shape, Math.sqrt(2 / fanIn), seed, stream)
        : seededUniform(kernel.shape, -bound, bound, seed, stream);
    if (!bias) return layer.setWeights([weights]);
    const biases =
      how === 'pytorch'
        ? seededUniform(bias.shape, -bound, bound, seed, stream + 1)
        : tf.zeros(bias.shape);
    return layer.setWeights([weights, biases]);
  });
}
