import { normaliseBatch, tf } from '../tf/index';

const EPSILON = 1e-5;
const MOMENTUM = 0.1;

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

  constructor(config: { name?: string; calls?: number } = {}) {
    super(config as ConstructorParameters<typeof tf.layers.Layer>[0]);
    this.calls = config.calls ?? 0;
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

  override call(inputs: tf.Tensor | tf.Tensor[], kwargs: { training?: boolean }): tf.Tensor {
    const x = (Array.isArray(inputs) ? inputs[0] : inputs) as tf.Tensor4D;
    const [, , runningMean, runningVariance] = this.weights;
    return tf.tidy(() => {
      const [gamma, beta, mean, variance] = this.weights.map((w) => w.read() as tf.Tensor1D);
      if (!kwargs.training || !this.trainable) {
        return tf.batchNorm(x, mean, variance, beta, gamma, EPSILON);
      }
      this.calls++;
      return normaliseBatch(x, gamma, beta, EPSILON, (batch) => {
        runningMean.write(mean.mul(1 - MOMENTUM).add(batch.mean.mul(MOMENTUM)));
        runningVariance.write(variance.mul(1 - MOMENTUM).add(batch.variance.mul(MOMENTUM)));
      });
    });
  }

  /** Besides ours, what tfjs's own layer needs. */
  override getConfig(): tf.serialization.ConfigDict {
    const { calls } = this;
    return { ...super.getConfig(), axis: -1, momentum: 1 - MOMENTUM, epsilon: EPSILON, calls };
  }
}

// When a model is loaded, tfjs looks up layers by class name. From now on it finds this class.
tf.serialization.registerClass(BatchNorm);
