/** Whether this machine computes an op in low precision as it should. */
import type { tf } from './load';
import {
  attribute,
  backend,
  castHandle,
  DType,
  free,
  type Handle,
  type OpAttribute,
  runOp,
} from './native';

/**
 * Whether an op may be trusted in low precision on this machine.
 *
 * Some are silently wrong: TensorFlow 2.21's oneDNN convolves images of 1 or 3 channels in bfloat16 with
 * a relative error of 0.7 on some processors. So the first time that an op meets a shape, it runs in both
 * precisions on what it was given, and is kept in float32 from then on if the two disagree.
 *
 * @param runIn runs the op in a data type; the handle is freed here
 */
export function isTrusted(
  name: string,
  attributes: OpAttribute[],
  inputs: tf.Tensor[],
  lowType: number,
  runIn: (dtype: number) => Handle,
): boolean {
  const key = verdictKey(name, attributes, inputs, lowType);
  const known = verdicts.get(key);
  if (known !== undefined) return known;
  const [high, rough] = [DType.float32, lowType].map(runIn);
  const raised = castHandle(rough, lowType, DType.float32);
  const { error, size } = compare(raised, high);
  free(high, rough, raised);
  // Nothing is learned from zeros, nor where float32 itself overflows. Overflow and underflow of float16
  // are for the loss scale to deal with, and say nothing about the op.
  if (size === 0 || !Number.isFinite(size)) return true;
  if (lowType === DType.float16 && !(error < 0.9)) return true;
  // bfloat16 rounds to 2⁻⁹ of a value, and sums of rounded products stay near that where they are summed in
  // float32, as they should: TensorFlow's own input gradient is not, and 2% off.
  const trusted = error < 0.01;
  verdicts.set(key, trusted);
  if (!trusted) {
    distrusted.push({ name, shapes: inputs.map(({ shape }) => `[${shape}]`).join(' '), error });
  }
  return trusted;
}

/** All that may decide whether an op is right: its attributes and shapes, but for the size of the batch. */
function verdictKey(
  name: string,
  attributes: OpAttribute[],
  inputs: tf.Tensor[],
  lowType: number,
): string {
  const shapes = inputs.map((input, index) => {
    if (input.dtype !== 'float32') {
      // Sizes of a batch of images, or of a filter.
      return [...input.dataSync()].slice(name === 'Conv2DBackpropInput' ? 1 : 0);
    }
    return isFilter(name, index) ? input.shape : input.shape.slice(1);
  });
  return JSON.stringify([name, lowType, attributes, shapes]);
}

/** Weights have no batch axis; the gradients of a matrix product's have it elsewhere, and are taken whole. */
function isFilter(name: string, index: number): boolean {
  if (name === 'BatchMatMulV2') return true;
  return index === 1 && name !== 'Conv2DBackpropFilter';
}

const verdicts = new Map<string, boolean>();
const distrusted: { name: string; shapes: string; error: number }[] = [];

/** The ops that were found wrong in low precision so far, and how wrong. They run in float32. */
export function distrustedOps(): readonly { name: string; shapes: string; error: number }[] {
  return distrusted;
}

/** What was decided so far: a training that goes on in another process has to go on with the same. */
export function verdictsSoFar(): [op: string, trusted: boolean][] {
  return [...verdicts];
}

export function adoptVerdicts(known: [op: string, trusted: boolean][]): void {
  for (const [op, trusted] of known) verdicts.set(op, trusted);
}

/** How far `a` is from `b`: ‖a − b‖ / ‖b‖, and ‖b‖, of two float32 handles. */
function compare(a: Handle, b: Handle): { error: number; size: number } {
  const float = [attribute.type('T', DType.float32)];
  const [difference] = runOp('Sub', float, [a, b]);
  const [distance, size] = [difference, b].map((handle) => {
    const [halfSquare] = runOp('L2Loss', float, [handle]);
    const value = Math.sqrt(2 * backend().binding.tensorDataSync(halfSquare)[0]);
    free(halfSquare);
    return value;
  });
  free(difference);
  return { error: distance / size, size };
}
