/** Batch normalisation in training by TensorFlow's fused op: one op forward and one back, where tfjs needs twenty. */
import { tf } from './load';
import { attribute, backend, DType } from './native';

export interface BatchStatistics {
  /** [channels] each; the caller disposes them. */
  mean: tf.Tensor;
  /** The unbiased estimate, as PyTorch and TensorFlow keep it for the running variance. */
  variance: tf.Tensor;
}

/**
 * Normalises each channel of `x` [batch, height, width, channels] by the mean and variance of the batch, scales it by
 * γ and shifts it by β. `use` gets the statistics before they are disposed.
 */
export function normaliseBatch(
  x: tf.Tensor4D,
  gamma: tf.Tensor1D,
  beta: tf.Tensor1D,
  epsilon: number,
  use: (statistics: BatchStatistics) => void,
): tf.Tensor4D {
  const attributes = [
    attribute.type('T', DType.float32),
    attribute.type('U', DType.float32),
    attribute.float('epsilon', epsilon),
    attribute.string('data_format', 'NHWC'),
    attribute.bool('is_training', true),
  ];
  const run = tf.customGrad((...args) => {
    const [x, gamma, beta, save] = args as [tf.Tensor4D, tf.Tensor1D, tf.Tensor1D, tf.GradSaveFunc];
    const none = tf.zeros([0]);
    const [y, mean, variance, ...reserved] = backend().executeMultipleOutputs(
      'FusedBatchNormV3',
      [...attributes, attribute.float('exponential_avg_factor', 1)],
      [x, gamma, beta, none, none],
      6,
    );
    use({ mean, variance });
    save([x, gamma, ...reserved]);
    return {
      value: y,
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) =>
        backend()
          .executeMultipleOutputs('FusedBatchNormGradV3', attributes, [dy, ...saved], 5)
          .slice(0, 3),
    };
  });
  return run(x, gamma, beta) as tf.Tensor4D;
}

/**
 * The same for a part of the batch, with the mean and variance of the whole batch: as PyTorch's `SyncBatchNorm`.
 * Ioffe, Szegedy: Batch Normalization, 2015, section 3; the gradients are those of its formulas.
 *
 * @param share adds up over all parts; the images of a part with weight 0 do not count
 */
export function normaliseShare(
  share: { total: number; weight: number; sum<T extends tf.Tensor>(x: T): T },
  x: tf.Tensor4D,
  gamma: tf.Tensor1D,
  beta: tf.Tensor1D,
  epsilon: number,
  use: (statistics: BatchStatistics) => void,
): tf.Tensor4D {
  const count = share.total * x.shape[1] * x.shape[2];
  const total = (values: tf.Tensor) => share.sum(values.sum([0, 1, 2]).mul(share.weight)); // [channels]
  const run = tf.customGrad((...args) => {
    const [x, gamma, beta, save] = args as [tf.Tensor4D, tf.Tensor1D, tf.Tensor1D, tf.GradSaveFunc];
    const mean = total(x).div(count);
    const squares = total(x.sub(mean).square());
    use({ mean, variance: squares.div(count - 1) });
    const scale = squares.div(count).add(epsilon).rsqrt(); // 1 / σ
    const normalised = x.sub<tf.Tensor4D>(mean).mul<tf.Tensor4D>(scale);
    save([normalised, gamma, scale]);
    return {
      value: normalised.mul<tf.Tensor4D>(gamma).add(beta),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => {
        const [normalised, gamma, scale] = saved as [tf.Tensor4D, tf.Tensor1D, tf.Tensor1D];
        const dGamma = dy.mul(normalised).sum([0, 1, 2]);
        const dBeta = dy.sum([0, 1, 2]);
        const [meanGamma, meanBeta] = share
          .sum(tf.stack([dGamma, dBeta]))
          .div(count)
          .unstack();
        const centred = dy.sub(meanBeta).sub(normalised.mul(meanGamma));
        const dx = centred.mul(gamma).mul(scale).mul(share.weight);
        return [dx, dGamma, dBeta];
      },
    };
  });
  return run(x, gamma, beta) as tf.Tensor4D;
}
