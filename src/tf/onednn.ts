/**
 * oneDNN's ops, which TensorFlow has in addition to its own on x86 CPUs, under other names.
 *
 * TensorFlow uses oneDNN for all ops if the processor has instructions made for neural networks (AVX-512 VNNI,
 * AMX …), and for none otherwise. Neither is best. With AVX2 only, oneDNN is up to four times faster in input
 * gradients and matrix products, but slower in filter gradients (docs/results has the measurement).
 * So we choose op by op.
 */
import { handleAs, handleOf, runRaw } from './entries';
import { tf } from './load';
import { attribute, backend, DType, type OpAttribute, withType } from './native';
import { hasInstructions } from './processor';
import { seededNormal } from './random';

/** TensorFlow's own name → oneDNN's. */
export const TWINS: Record<string, string> = {
  Conv2D: '_MklNativeConv2D',
  Conv2DBackpropFilter: '_MklNativeConv2DBackpropFilter',
  Conv2DBackpropInput: '_MklNativeConv2DBackpropInput',
  MatMul: '_MklMatMul',
  BatchMatMulV2: '_MklBatchMatMulV2',
};

/** The fastest op on this machine that computes what `name` does, with its attributes. For `thin` see `isThin`. */
export function fastestOp(
  name: string,
  attributes: OpAttribute[],
  thin = false,
): [name: string, attributes: OpAttribute[]] {
  const twin = TWINS[name];
  const dtype = attributes.find((each) => each.name === 'T')?.value as number;
  const isExplicit = attributes.some(({ value }) => value === 'EXPLICIT');
  if (!twin || isExplicit || !hasOneDnn(dtype)) return [name, attributes];
  const isOwnFaster = name === 'Conv2DBackpropFilter' && !thin && !hasInstructions('avx512f');
  return isOwnFaster ? [name, attributes] : [twin, oneDnnAttributes(attributes)];
}

/**
 * Whether this is the filter gradient of a convolution over a few channels, as in a network's first layer.
 * TensorFlow's own op hardly uses the vector units there. Low precision leaves half of each unit empty:
 * AlexNet's conv1 takes 28 ms in float32 and 46 ms in bfloat16.
 */
export function isThin(name: string, [x]: tf.Tensor[]): boolean {
  return name === 'Conv2DBackpropFilter' && x.shape[3]! < 8;
}

/** The attributes of TensorFlow's own op, for oneDNN's. */
export function oneDnnAttributes(attributes: OpAttribute[]): OpAttribute[] {
  const known = attributes.filter(
    ({ name }) => name !== 'use_cudnn_on_gpu' && name !== 'explicit_paddings',
  );
  return [...known, attribute.string('_kernel', 'MklNameChangeOp')];
}

/** Whether oneDNN's ops work in this type on this machine. Each type is tried once. */
export function hasOneDnn(dtype: number): boolean {
  const { isUsingGpuDevice, tuning } = backend();
  let has = tuning.oneDnn.get(dtype);
  if (has === undefined) {
    has = process.arch === 'x64' && !isUsingGpuDevice && tryOneDnn(dtype);
    tuning.oneDnn.set(dtype, has);
  }
  return has;
}

/** Runs a convolution with bias and compares it with TensorFlow's own in float32. */
function tryOneDnn(dtype: number): boolean {
  const attributes = [
    attribute.type('T', DType.float32),
    attribute.int('strides', [1, 1, 1, 1]),
    attribute.string('padding', 'SAME'),
    attribute.string('data_format', 'NHWC'),
    attribute.int('dilations', [1, 1, 1, 1]),
  ];
  try {
    return tf.tidy(() => {
      const shapes = [[1, 4, 4, 8], [3, 3, 8, 8], [8]];
      const inputs = shapes.map((shape, i) => seededNormal(shape, 1, i, 0));
      const [x, filter, bias] = inputs;
      const want = runRaw('Conv2D', attributes, [x, filter].map(handleOf))[0].add(bias);
      const [got] = runRaw(
        '_MklNativeConv2DWithBias',
        oneDnnAttributes(withType(attributes, dtype)),
        inputs.map((input) => handleAs(input, dtype)),
      );
      return relativeError(got, want) < 0.02;
    });
  } catch {
    return false;
  }
}

/** ‖a − b‖ / ‖b‖. */
export function relativeError(a: tf.Tensor, b: tf.Tensor): number {
  return tf.tidy(() => a.sub(b).norm().div(b.norm()).dataSync()[0]);
}
