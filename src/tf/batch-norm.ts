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
