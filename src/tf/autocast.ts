/**
 * Mixed precision below tfjs: PyTorch's autocast for any tfjs model.
 *
 * Inside `autocast('bfloat16', …)` convolutions and matrix products run in bfloat16, forward and backward. The ops
 * between them (ReLU, pooling, bias, dropout) stay in bfloat16. Everything else runs in float32: loss, softmax,
 * optimizer, and all ops outside. `train/step.ts` wraps the forward and the backward pass in it.
 *
 * tfjs does not know about this. tfjs-node runs every op through two execute methods of its backend. We replace them:
 * ours choose the type of each op and pass its inputs in that type (`entries.ts`).
 */
import { followingType, handleAs, handleOf, runRaw, tensorOf } from './entries';
import { fasterResult } from './fusion';
import type { tf } from './load';
import { backend, castHandle, DType, type OpAttribute, withType } from './native';
import { fastestOp, isThin } from './onednn';
import { isTrusted } from './trust';
import type { Precision } from './tuning';

/** The ops that are faster in low precision. */
const LOWERED = ['Conv2D', 'Conv2DBackpropFilter', 'Conv2DBackpropInput', 'BatchMatMulV2'];

/** The ops that run in low precision if their first input was computed in it. */
const FOLLOWING = [
  'Add',
  'Mul',
  'Relu',
  'ReluGrad',
  'BiasAddGrad',
  'MaxPool',
  'MaxPoolGrad',
  '_MklNativeMaxPool',
  '_MklNativeMaxPoolGrad',
  'PadV2',
  'Reshape',
  'Transpose',
];

/** Runs `body`, which must not be async, with convolutions and matrix products in `precision`. */
export function autocast<T>(precision: Precision, body: () => T): T {
  const { tuning } = backend();
  const outer = tuning.low;
  tuning.low = DType[precision];
  try {
    return body();
  } finally {
    tuning.low = outer;
  }
}

/** Replaces tfjs-node's two execute methods. Called once, after TensorFlow has loaded. */
export function installAutocast(): void {
  Object.assign(backend(), {
    executeSingleOutput: (name: string, attributes: OpAttribute[], inputs: tf.Tensor[]) =>
      execute(name, attributes, inputs, 1)[0],
    executeMultipleOutputs: execute,
  });
}

function execute(
  name: string,
  attributes: OpAttribute[],
  inputs: tf.Tensor[],
  outputs: number,
): tf.Tensor[] {
  const dtype = typeOf(name, inputs);
  const isLow = dtype !== DType.float32;
  const thin = isThin(name, inputs);
  if (isLow && LOWERED.includes(name)) {
    const isFaster = !thin || backend().isUsingGpuDevice;
    if (!isFaster || !isTrusted(name, attributes, inputs, dtype)) {
      // The op runs in float32. Its result is cast, so that the ops that follow stay in low precision.
      const [high] = runRaw(...fastestOp(name, attributes, thin), inputs.map(handleOf));
      const low = tensorOf(castHandle(handleOf(high), DType.float32, dtype), high.shape, dtype);
      high.dispose();
      return [low];
    }
  }
  const typed = isLow ? withType(attributes, dtype) : attributes;
  const result = fasterResult(name, typed, inputs, dtype);
  if (result) return [result];
  const handles = inputs.map((input) => handleAs(input, dtype));
  return runRaw(...fastestOp(name, typed, thin), handles, outputs);
}

/** The type in which the floats of an op are passed and returned. */
function typeOf(name: string, inputs: tf.Tensor[]): number {
  const { low = DType.float32 } = backend().tuning;
  if (LOWERED.includes(name)) {
    return inputs.some(({ dtype }) => dtype === 'float32') ? low : DType.float32;
  }
  const isFollowing = FOLLOWING.includes(name) && inputs[0].dtype === 'float32';
  return isFollowing ? followingType(inputs[0]) : DType.float32;
}
