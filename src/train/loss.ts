import { tf } from '../tf/index';

/**
 * Cross-entropy between softmax(logits) and the labels, summed over the batch: Σ (log Σ exp z − z[label]), computed
 * with the numerically stable log-softmax. PyTorch: `CrossEntropyLoss(reduction='sum')`.
 *
 * @param logits float32 [batch, classes]
 * @param labels int32 [batch]
 * @returns a float32 scalar; the caller disposes it
 */
export function crossEntropySum(logits: tf.Tensor2D, labels: tf.Tensor1D): tf.Scalar {
  return tf.tidy(() => {
    const oneHot = tf.oneHot(labels, logits.shape[1]); // [batch, classes]
    return tf.logSoftmax(logits).mul(oneHot).sum().neg() as tf.Scalar;
  });
}

/** The mean over the batch, as PyTorch's `CrossEntropyLoss()`: a float32 scalar; the caller disposes it. */
export function crossEntropy(logits: tf.Tensor2D, labels: tf.Tensor1D): tf.Scalar {
  return tf.tidy(() => crossEntropySum(logits, labels).div<tf.Scalar>(labels.size));
}

/** The number of correctly classified images: an int32 scalar; the caller disposes it. */
export function countCorrect(logits: tf.Tensor2D, labels: tf.Tensor1D): tf.Scalar {
  return tf.tidy(() => logits.argMax(1).equal(labels).sum() as tf.Scalar);
}
