import { InputError } from '../errors';
import { normaliseBatch, normaliseShare, tf } from '../tf/index';
import type { Share } from './share';

/** PyTorch's defaults, with tfjs's meaning of momentum: 1 minus PyTorch's. */
const [EPSILON, MOMENTUM] = [1e-5, 0.9];

interface BatchNormConfig {
  name?: string;
  calls?: number;
  epsilon?: number;
  momentum?: number;
  axis?: number;
  center?: boolean;
  scale?: boolean;
}

/**
 * Batch normalisation as PyTorch's BatchNorm2d: in training, each channel of a batch gets mean 0 and variance 1, then
 * is scaled by γ and shifted by β. Otherwise, and when the layer is frozen, running averages of means and variances
 * take the place of the batch's. Ioffe, Szegedy: Batch Normalization, 2015.
 *
 * tfjs's own layer averages the variance of the batch, PyTorch the unbiased estimate. Ours is saved with the same class
 * name and weights, so plain tfjs can load the model.
 */
export class BatchNorm extends tf.layers.Layer {
  static className = 'BatchNormalization';
  /** Batches seen in training: PyTorch's `num_batches_tracked`. */
  calls: number;

  private readonly epsilon: number;
  private readonly momentum: number;

  constructor(config: BatchNormConfig = {}) {
    super(config as ConstructorParameters<typeof tf.layers.Layer>[0]);
    const { calls = 0, epsilon = EPSILON, momentum = MOMENTUM, axis = -1 } = config;
    const { center = true, scale = true } = config;
    if ((axis !== -1 && axis !== 3) || !center || !scale) {
      throw new InputError(
        `${config.name}: batch normalisation over other axes, or without scale or center`,
      );
    }
    this.calls = calls;
    this.epsilon = epsilon;
    this.momentum = momentum;
    this.supportsMasking = true;
  }

  override build(inputShape: tf.Shape): void {
    const shape = [inputShape.at(-1)!];
    const [ones, zeros] = [tf.initializers.ones(), tf.initializers.zeros()];
    this.addWeight('gamma', shape, 'float32', ones);
    this.addWeight('beta', shape, 'float32', zeros);
    this.addWeight('moving_mean', shape, 'float32', zeros, undefined, false);
    this.addWeight('moving_variance', shape, 'float32', ones, undefined, false);
    this.built = true;
  }

  override computeOutputShape(inputShape: tf.Shape): tf.Shape {
    return inputShape;
  }

  override call(
    inputs: tf.Tensor | tf.Tensor[],
    kwargs: { training?: boolean; share?: Share },
  ): tf.Tensor {
    const x = (Array.isArray(inputs) ? inputs[0] : inputs) as tf.Tensor4D;
    const { epsilon, momentum } = this;
    const [, , runningMean, runningVariance] = this.weights;
    return tf.tidy(() => {
      const [gamma, beta, mean, variance] = this.weights.map((w) => w.read() as tf.Tensor1D);
      if (!kwargs.training || !this.trainable) {
        return tf.batchNorm(x, mean, variance, beta, gamma, epsilon);
      }
      this.calls++;
      const normalise = kwargs.share
        ? normaliseShare.bind(undefined, kwargs.share)
        : normaliseBatch;
      return normalise(x, gamma, beta, epsilon, (batch) => {
        runningMean.write(mean.mul(momentum).add(batch.mean.mul(1 - momentum)));
        runningVariance.write(variance.mul(momentum).add(batch.variance.mul(1 - momentum)));
      });
    });
  }

  /** Besides ours, what tfjs's own layer needs. */
  override getConfig(): tf.serialization.ConfigDict {
    const { calls, epsilon, momentum } = this;
    return { ...super.getConfig(), axis: -1, momentum, epsilon, calls };
  }
}

// When a model is loaded, tfjs looks up layers by class name. From now on it finds this class.
tf.serialization.registerClass(BatchNorm);
