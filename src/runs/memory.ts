import { InputError } from '../errors';
import { availableMemory } from '../memory';
import { device, type tf } from '../tf/index';

/** Node, tfjs and TensorFlow. */
const BASE_BYTES = 600 * 2 ** 20;
/** The weights and two moments. */
const PER_WEIGHT = 3;
/** Gradients, copies in low precision, and what TensorFlow's allocator cannot use in between. Measured. */
const PER_LARGEST_WEIGHT = 3;
/** Activations, their gradients and oneDNN's scratch memory. Measured. */
const PER_ACTIVATION = 1.7;

/** Estimates the peak memory of a training step, in bytes. */
export function trainingMemory(model: tf.LayersModel, batchSize: number): number {
  const sizes = model.weights.map(({ shape }) => product(shape));
  const weights = sizes.reduce((a, b) => a + b, 0);
  const activations = model.layers
    .flatMap((layer) => layer.inboundNodes.flatMap((node) => node.outputShapes as tf.Shape[]))
    .map((shape) => product([shape].flat()))
    .reduce((a, b) => a + b, product(model.inputs[0].shape));
  return (
    BASE_BYTES +
    4 * (PER_WEIGHT * weights + PER_LARGEST_WEIGHT * Math.max(0, ...sizes)) +
    4 * PER_ACTIVATION * batchSize * activations
  );
}

/**
 * Throws InputError if a network with so many weights cannot be trained in `available` bytes. Called before the
 * network is built: the first dense layer of a large input alone can need more than there is.
 */
export function checkWeightsFit(parameters: number, available = deviceMemory()): void {
  const need = BASE_BYTES + 4 * (PER_WEIGHT + PER_LARGEST_WEIGHT) * parameters;
  if (need <= available) return;
  throw new InputError(
    `${parameters.toLocaleString('en-US')} parameters need about ${gib(need)} GiB of ${memory()} in training, and ` +
      `${gib(available)} are free: use a smaller input size`,
  );
}

/** Throws InputError if `available` bytes are not enough. The message suggests a batch size that fits. */
export function checkMemory(
  model: tf.LayersModel,
  batchSize: number,
  available = deviceMemory(),
): void {
  const need = trainingMemory(model, batchSize);
  if (need <= available) return;
  const perImage = trainingMemory(model, 2) - trainingMemory(model, 1);
  const fits = Math.floor((available - trainingMemory(model, 0)) / perImage);
  const steps = Math.ceil(batchSize / fits);
  throw new InputError(
    `batch size ${batchSize} needs about ${gib(need)} GiB of ${memory()}, and ${gib(available)} are free: ` +
      (fits >= 1
        ? `batch size ${Math.floor(batchSize / steps)} would fit (with ${steps} accumulation steps the effect is about the same)`
        : 'not even a single image would fit; use a smaller input size'),
  );
}

const gib = (bytes: number) => (bytes / 2 ** 30).toFixed(1);

/** The free bytes of the GPU, if TensorFlow uses one, otherwise of the machine. Infinity if unknown. */
export function deviceMemory(): number {
  const { kind, freeBytes = Infinity } = device();
  return kind === 'GPU' ? freeBytes : availableMemory();
}

const memory = () => (device().kind === 'GPU' ? 'memory on the GPU' : 'memory');

function product(shape: readonly (number | null)[]): number {
  return shape.reduce<number>((a, b) => a * (b ?? 1), 1);
}
