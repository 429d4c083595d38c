/** Random tensors that depend only on seed and stream, from TensorFlow's counter-based generator (Philox). */
import { tf } from './load';
import { attribute, DType, runTensorOp } from './native';

/** float32 of `shape`, uniform in [low, high). The caller disposes it. */
export function seededUniform(
  shape: number[],
  low: number,
  high: number,
  seed: number,
  stream: number,
): tf.Tensor {
  return tf.tidy(() =>
    stateless('StatelessRandomUniform', shape, seed, stream)
      .mul(high - low)
      .add(low),
  );
}

/** float32 of `shape`, normal with mean 0. The caller disposes it. */
export function seededNormal(
  shape: number[],
  standardDeviation: number,
  seed: number,
  stream: number,
): tf.Tensor {
  return tf.tidy(() =>
    stateless('StatelessRandomNormal', shape, seed, stream).mul(standardDeviation),
  );
}

function stateless(op: string, shape: number[], seed: number, stream: number): tf.Tensor {
  const attributes = [
    attribute.type('dtype', DType.float32),
    attribute.type('T', DType.int32),
    attribute.type('Tseed', DType.int32),
  ];
  const inputs = [tf.tensor1d(shape, 'int32'), tf.tensor1d([seed, stream], 'int32')];
  return runTensorOp(op, attributes, inputs);
}
