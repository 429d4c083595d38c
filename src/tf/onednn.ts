/**
 * oneDNN's ops, which TensorFlow has beside its own on x86 CPUs, under other names.
 *
 * TensorFlow takes oneDNN's for all ops where the processor has instructions made for networks (AVX-512 VNNI,
 * AMX …), and for none elsewhere. Neither is best: on a processor with AVX2 only, oneDNN is up to four times
 * faster in input gradients and matrix products, and slower in filter gradients (`npm run bench -- --ops` measures both).
 * So ops are named here.
 */
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
import { hasInstructions } from './processor';

/** TensorFlow's own name → oneDNN's. */
export const TWINS: Record<string, string> = {
  Conv2D: '_MklNativeConv2D',
  Conv2DBackpropFilter: '_MklNativeConv2DBackpropFilter',
  Conv2DBackpropInput: '_MklNativeConv2DBackpropInput',
  MatMul: '_MklMatMul',
  BatchMatMulV2: '_MklBatchMatMulV2',
};

/** An op under the name by which it is fastest here, with the attributes that the op of that name knows. */
export function fastestOp(
  name: string,
  attributes: OpAttribute[],
  isThin = false,
): [string, OpAttribute[]] {
  const twin = TWINS[name];
  const dtype = twin && (attributes.find((each) => each.name === 'T')?.value as number);
  if (!dtype || !hasOneDnn(dtype) || attributes.some(({ value }) => value === 'EXPLICIT')) {
    return [name, attributes];
  }
  // Of a few channels, as in the first layer, TensorFlow's own makes nothing of the vector units.
  const isOwnFaster = name === 'Conv2DBackpropFilter' && !isThin && !hasInstructions('avx512f');
  return isOwnFaster ? [name, attributes] : [twin, oneDnnAttributes(attributes)];
}

/** The attributes of TensorFlow's op that oneDNN's op knows, and the one that all of oneDNN's need. */
export function oneDnnAttributes(attributes: OpAttribute[]): OpAttribute[] {
  const known = attributes.filter(
    ({ name }) => name !== 'use_cudnn_on_gpu' && name !== 'explicit_paddings',
  );
  return [...known, attribute.string('_kernel', 'MklNameChangeOp')];
}

const available = new Map<number, boolean>();

/** Whether oneDNN computes in this type here: tried once, a convolution with bias against TensorFlow's own. */
export function hasOneDnn(dtype: number): boolean {
  let has = available.get(dtype);
  if (has === undefined) {
    has = process.arch === 'x64' && !backend().isUsingGpuDevice && tryOneDnn(dtype);
    available.set(dtype, has);
  }
  return has;
}

function tryOneDnn(dtype: number): boolean {
  const { binding } = backend();
  const make = (shape: number[], values: number[]) => {
    const high = binding.createTensor(shape, DType.float32, Float32Array.from(values));
    if (dtype === DType.float32) return high;
    const low = castHandle(high, DType.float32, dtype);
    free(high);
    return low;
  };
  const ramp = (length: number) => Array.from({ length }, (_, i) => (i % 7) - 3);
  const inputs = [make([1, 4, 4, 8], ramp(128)), make([3, 3, 8, 8], ramp(576))];
  const bias = make([8], ramp(8));
  const attributes = [
    attribute.type('T', dtype),
    attribute.int('strides', [1, 1, 1, 1]),
    attribute.string('padding', 'SAME'),
    attribute.string('data_format', 'NHWC'),
    attribute.int('dilations', [1, 1, 1, 1]),
  ];
  const results: Handle[] = [];
  try {
    const fused = oneDnnAttributes(attributes);
    results.push(...runOp('_MklNativeConv2DWithBias', fused, [...inputs, bias]));
    results.push(...runOp('Conv2D', attributes, inputs));
    results.push(...runOp('Add', [attribute.type('T', dtype)], [results[1], bias]));
    const [together, , apart] = results.map((handle) => read(handle, dtype));
    return together.every(
      (value, i) => Math.abs(value - apart[i]) <= 0.02 * Math.abs(apart[i]) + 1,
    );
  } catch {
    return false;
  } finally {
    free(...inputs, bias, ...results);
  }
}

function read(handle: Handle, dtype: number): Float32Array {
  if (dtype === DType.float32) return Float32Array.from(backend().binding.tensorDataSync(handle));
  const high = castHandle(handle, dtype, DType.float32);
  const values = Float32Array.from(backend().binding.tensorDataSync(high));
  free(high);
  return values;
}
