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
    const weights = layer.getWeights();
    if (weights.length === 0) return;
    const [kernel, bias] = weights; // [height, width, in, out] or [in, out]; [out]
    const receptive = kernel.shape.slice(0, -2).reduce((a, b) => a * b, 1);
    const [inputs, outputs] = kernel.shape.slice(-2);
    const fanIn = receptive * inputs;
    const fanOut = receptive * outputs;
    const stream = 2 * index;
    const drawn = tf.tidy(() => {
      if (how === 'he') {
        return [
          seededNormal(kernel.shape, Math.sqrt(2 / fanIn), seed, stream),
          tf.zeros(bias.shape),
        ];
      }
      const bound = how === 'pytorch' ? 1 / Math.sqrt(fanIn) : Math.sqrt(6 / (fanIn + fanOut));
      return [
        seededUniform(kernel.shape, -bound, bound, seed, stream),
        how === 'pytorch'
          ? seededUniform(bias.shape, -bound, bound, seed, stream + 1)
          : tf.zeros(bias.shape),
      ];
    });
    layer.setWeights(drawn);
    tf.dispose(drawn);
  });
}
