/**
 * oneDNN's ops, which TensorFlow has next to its own on x86 CPUs, under other names.
 *
 * TensorFlow uses oneDNN for all ops if the processor has instructions made for networks (AVX-512 VNNI,
 * AMX …), and for none otherwise. Neither is best. With AVX2 only, oneDNN is up to four times faster in input
 * gradients and matrix products, but slower in filter gradients (`npm run bench -- --ops` measures both).
 * So we choose op by op.
 */
import {
  attribute,
  backend,
  castHandle,
  DType,
  free,
  type Handle,
  type OpAttribute,
  relativeError,
  runOp,
  withType,
} from './native';
import { hasInstructions } from './processor';

/** TensorFlow's own name → oneDNN's. */
export const TWINS: Record<string, string> = {
  Conv2D: '_MklNativeConv2D',
  Conv2DBackpropFilter: '_MklNativeConv2DBackpropFilter',
  Conv2DBackpropInput: '_MklNativeConv2DBackpropInput',
  MatMul: '_MklMatMul',
  BatchMatMulV2: '_MklBatchMatMulV2',
};

/** The fastest op here that does what `name` does, with its attributes. `isThin`: see the function below. */
export function fastestOp(
  name: string,
  attributes: OpAttribute[],
  isThin = false,
): [name: string, attributes: OpAttribute[]] {
  const twin = TWINS[name];
  const dtype = twin && (attributes.find((each) => each.name === 'T')?.value as number);
  if (!dtype || !hasOneDnn(dtype) || attributes.some(({ value }) => value === 'EXPLICIT')) {
    return [name, attributes];
  }
  const isOwnFaster = name === 'Conv2DBackpropFilter' && !isThin && !hasInstructions('avx512f');
  return isOwnFaster ? [name, attributes] : [twin, oneDnnAttributes(attributes)];
}

/**
 * Whether this is the filter gradient of a convolution over a few channels, as in a network's first layer.
 * TensorFlow's own op hardly uses the vector units there. Low precision leaves its units half empty:
 * for AlexNet's conv1 float32 takes 28 ms and bfloat16 46.
 */
export function isThin(name: string, [x]: readonly (readonly number[])[]): boolean {
  return name === 'Conv2DBackpropFilter' && x[3] < 8;
}

/** The attributes that oneDNN's op takes, made from those of TensorFlow's own. */
export function oneDnnAttributes(attributes: OpAttribute[]): OpAttribute[] {
  const known = attributes.filter(
    ({ name }) => name !== 'use_cudnn_on_gpu' && name !== 'explicit_paddings',
  );
  return [...known, attribute.string('_kernel', 'MklNameChangeOp')];
}

/** Whether oneDNN's ops work in this type here. Tried once. */
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
  const made: Handle[] = [];
  const keep = (handle: Handle): Handle => {
    made.push(handle);
    return handle;
  };
  const ramp = (shape: number[]) => {
    const length = shape.reduce((a, b) => a * b);
    const values = Float32Array.from({ length }, (_, i) => (i % 7) - 3);
    return keep(backend().binding.createTensor(shape, DType.float32, values));
  };
  const float = [
    attribute.type('T', DType.float32),
    attribute.int('strides', [1, 1, 1, 1]),
    attribute.string('padding', 'SAME'),
    attribute.string('data_format', 'NHWC'),
    attribute.int('dilations', [1, 1, 1, 1]),
  ];
  try {
    const [x, filter, bias] = [[1, 4, 4, 8], [3, 3, 8, 8], [8]].map(ramp);
    const convolved = keep(runOp('Conv2D', float, [x, filter])[0]);
    const want = keep(runOp('Add', float.slice(0, 1), [convolved, bias])[0]);
    const inputs = [x, filter, bias].map((each) => keep(castHandle(each, DType.float32, dtype)));
    const attributes = oneDnnAttributes(withType(float, dtype));
    const fused = keep(runOp('_MklNativeConv2DWithBias', attributes, inputs)[0]);
    return relativeError(keep(castHandle(fused, dtype, DType.float32)), want) < 0.02;
  } catch {
    return false;
  } finally {
    free(...made);
  }
}
