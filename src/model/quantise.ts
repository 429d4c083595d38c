import { InputError } from '../errors';
import { tf } from '../tf/index';

type ModelArtifacts = Parameters<Parameters<typeof tf.io.withSaveHandler>[0]>[0];

/**
 * A saved model whose kernels are kept in 8 bits: w ≈ scale · q + min with q from 0 to 255, a scale and a min
 * for each tensor. It is tfjs's own format, so that its loader makes float32 of it again, in the browser too.
 * Biases stay float32: they are few, and each one shifts a whole channel.
 */
export function quantise(artifacts: ModelArtifacts): ModelArtifacts {
  const data = tf.io.CompositeArrayBuffer.join(artifacts.weightData);
  const parts: Uint8Array[] = [];
  let position = 0;
  const weightSpecs = (artifacts.weightSpecs ?? []).map((spec) => {
    const size = spec.shape.reduce((a, b) => a * b, 1);
    const bytes = 4 * size; // float32 and int32 alike
    const start = position;
    position += bytes;
    if (spec.dtype !== 'float32' || spec.shape.length < 2) {
      parts.push(new Uint8Array(data, start, bytes));
      return spec;
    }
    const { values, scale, min } = toUint8(new Float32Array(data, start, size), spec.name);
    parts.push(values);
    return { ...spec, quantization: { dtype: 'uint8' as const, scale, min } };
  });
  const weightData = Buffer.concat(parts);
  return {
    ...artifacts,
    weightSpecs,
    weightData: weightData.buffer.slice(
      weightData.byteOffset,
      weightData.byteOffset + weightData.byteLength,
    ) as ArrayBuffer,
  };
}

function toUint8(weights: Float32Array, name: string) {
  let [low, high] = [0, 0]; // 0 is in the range, and one of the 256 values: no weight becomes a small one
  for (const value of weights) {
    if (!Number.isFinite(value)) throw new InputError(`${name} holds NaN or infinite values`);
    if (value < low) low = value;
    if (value > high) high = value;
  }
  const scale = (high - low) / 255 || 1;
  const zero = Math.round(-low / scale);
  const values = new Uint8Array(weights.length);
  for (let i = 0; i < weights.length; i++) {
    values[i] = Math.min(255, Math.max(0, Math.round(weights[i] / scale) + zero));
  }
  return { values, scale, min: -zero * scale };
}
