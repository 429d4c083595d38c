import { tf } from '../tf/index';
import { uniform } from './random';

/**
 * Dropout whose masks can be had again: the mask of call number n depends on `seed` and n alone.
 *
 * tfjs's own layer draws its numbers one by one in JavaScript and, once given a seed, drops the same
 * units in every step. Saved models name this layer `Dropout` with the same settings, so that plain
 * tfjs loads them too.
 *
 * As in PyTorch, what is kept is scaled by 1 / (1 - rate), and outside training nothing happens.
 */
export class Dropout extends tf.layers.Layer {
  static className = 'Dropout';
  /** How many masks were drawn so far. Setting it back replays them. */
  calls = 0;
  private readonly rate: number;
  private readonly seed: number;

  constructor(config: { rate: number; seed?: number | null; name?: string }) {
    super(config as ConstructorParameters<typeof tf.layers.Layer>[0]);
    this.rate = config.rate;
    this.seed = config.seed ?? 0;
    this.supportsMasking = true;
  }

  override computeOutputShape(inputShape: tf.Shape): tf.Shape {
    return inputShape;
  }

  override call(inputs: tf.Tensor | tf.Tensor[], kwargs: { training?: boolean }): tf.Tensor {
    const x = Array.isArray(inputs) ? inputs[0] : inputs;
    if (!kwargs.training || this.rate === 0) return x;
    return tf.tidy(() => {
      const chance = uniform(x.shape, 0, 1, this.seed, this.calls++);
      const mask = chance
        .greaterEqual(this.rate)
        .cast('float32')
        .div(1 - this.rate);
      return x.mul(mask);
    });
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), rate: this.rate, noiseShape: null, seed: this.seed };
  }
}

tf.serialization.registerClass(Dropout);
