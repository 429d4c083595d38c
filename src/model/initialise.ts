import { oneOf } from '../errors';
import { tf } from '../tf/index';
import { normal, uniform } from './random';

/**
 * - `pytorch`: PyTorch's default for Conv2d and Linear: weights and biases uniform in ±1/√fan_in
 *   (kaiming_uniform with a = √5 comes to that).
 * - `he`: weights normal with deviation √(2 / fan_in), biases 0 (He et al. 2015, for ReLU).
 * - `glorot`: weights uniform in ±√(6 / (fan_in + fan_out)), biases 0 (Glorot, Bengio 2010).
 */
export type Initialisation = 'pytorch' | 'he' | 'glorot';

export const INITIALISATIONS: readonly Initialisation[] = ['pytorch', 'he', 'glorot'];

/** Draws the weights of all convolutions and dense layers anew, the same ones for the same seed. */
export function initialise(model: tf.LayersModel, how: Initialisation, seed: number): void {
  oneOf('initialisation', how, INITIALISATIONS);
  model.layers.forEach((layer, index) => {
    const weights = layer.getWeights();
    if (weights.length === 0) return;
    const [kernel, bias] = weights; // [height, width, in, out] or [in, out]; [out]
    const receptive = kernel.shape.slice(0, -2).reduce((a, b) => a * b, 1);
    const [inputs, outputs] = kernel.shape.slice(-2);
    const fanIn = receptive * inputs;
    const fanOut = receptive * outputs;
    const drawn = tf.tidy(() => {
      const stream = 2 * index;
      switch (how) {
        case 'pytorch': {
          const bound = 1 / Math.sqrt(fanIn);
          return [
            uniform(kernel.shape, -bound, bound, seed, stream),
            uniform(bias.shape, -bound, bound, seed, stream + 1),
          ];
        }
        case 'he':
          return [normal(kernel.shape, Math.sqrt(2 / fanIn), seed, stream), tf.zeros(bias.shape)];
        case 'glorot': {
          const bound = Math.sqrt(6 / (fanIn + fanOut));
          return [uniform(kernel.shape, -bound, bound, seed, stream), tf.zeros(bias.shape)];
        }
      }
    });
    layer.setWeights(drawn);
    tf.dispose(drawn);
  });
}
