import { seededUniform, tf } from '../tf/index';
import type { Share } from './share';

/**
 * Dropout with reproducible masks: the nth mask depends only on `seed` and n, also if several processes share the
 * batch. As in PyTorch, the units that are kept are scaled by 1 / (1 - rate), and nothing happens outside training.
 *
 * tfjs's own layer draws random numbers one by one in JavaScript and, with a seed, drops the same units in every step.
 * Ours is saved with the same class name and settings, so plain tfjs can load the model.
 */
export class Dropout extends tf.layers.Layer {
  static className = 'Dropout';
  /** Masks drawn so far. Reset it to replay them. */
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

  override call(
    inputs: tf.Tensor | tf.Tensor[],
    kwargs: { training?: boolean; share?: Share },
  ): tf.Tensor {
    const x = Array.isArray(inputs) ? inputs[0] : inputs;
    if (!kwargs.training || this.rate === 0) return x;
    const [images, ...rest] = x.shape;
    const { start, total } = kwargs.share ?? { start: 0, total: images };
    return tf.tidy(() => {
      const all = seededUniform([total, ...rest], 0, 1, this.seed, this.calls++);
      const random = images === total ? all : all.slice(start, images);
      const mask = random
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

// When a model is loaded, tfjs looks up layers by class name. From now on it finds this class.
tf.serialization.registerClass(Dropout);
