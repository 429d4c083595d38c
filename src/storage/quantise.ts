import { InputError } from '../errors';
import { tf } from '../tf/index';

type ModelArtifacts = Parameters<Parameters<typeof tf.io.withSaveHandler>[0]>[0];

/**
 * Stores the kernels of a saved model in 8 bits: w ≈ scale · q + min with q from 0 to 255, and one scale and min per
 * tensor. This is tfjs's own format: its loader converts back to float32, in the browser too.
 * Biases stay float32, because they are few and each one shifts a whole channel.
 * Throws InputError if a kernel has NaN or infinite values.
 */
export function quantise(artifacts: ModelArtifacts): ModelArtifacts {
  const data = tf.io.CompositeArrayBuffer.join(artifacts.weightData);
  const parts: ArrayBuffer[] = [];
  let position = 0;
  const weightSpecs = artifacts.weightSpecs?.map((spec) => {
    const start = position;
    position += 4 * spec.shape.reduce((a, b) => a * b, 1); // float32 and int32 alike
    const bytes = data.slice(start, position);
    if (spec.dtype !== 'float32' || spec.shape.length < 2) {
      parts.push(bytes);
      return spec;
    }
    const { values, scale, min } = toUint8(new Float32Array(bytes), spec.name);
    parts.push(values.buffer);
    return { ...spec, quantization: { dtype: 'uint8' as const, scale, min } };
  });
  return { ...artifacts, weightSpecs, weightData: tf.io.CompositeArrayBuffer.join(parts) };
}

function toUint8(weights: Float32Array, name: string) {
  let [low, high] = [0, 0]; // the range includes 0, and 0 is stored exactly
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
