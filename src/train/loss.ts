import { checkTensor, tf } from '../tf/index';

/**
 * The sum over the batch of the cross-entropy between softmax(logits) and the labels, as PyTorch's
 * `CrossEntropyLoss(reduction='sum')`: Σ (log Σ exp z − z[label]), by the numerically safe log-softmax.
 *
 * @param logits float32 [batch, classes]
 * @param labels int32 [batch]
 * @returns a float32 scalar; the caller disposes it
 */
export function crossEntropySum(logits: tf.Tensor2D, labels: tf.Tensor1D): tf.Scalar {
  checkTensor('logits', logits);
  checkTensor('labels', labels);
  return tf.tidy(() => {
    const oneHot = tf.oneHot(labels, logits.shape[1]);
    return tf.logSoftmax(logits).mul(oneHot).sum().neg() as tf.Scalar;
  });
}

/** How many labels the largest logit names: an int32 scalar; the caller disposes it. */
export function countCorrect(logits: tf.Tensor2D, labels: tf.Tensor1D): tf.Scalar {
  checkTensor('logits', logits);
  checkTensor('labels', labels);
  return tf.tidy(() => logits.argMax(1).equal(labels).sum() as tf.Scalar);
}
