/**
 * The one door to TensorFlow: everything else writes `import { tf } from '../tf/index'`.
 *
 * Behind it lie tfjs's own operations on TensorFlow's C library, made faster for every model: better
 * gradients (`gradients.ts`) and mixed precision (`autocast.ts`).
 */
import { InputError, kindOf } from '../errors';
import { installAutocast } from './autocast';
import { installGradients } from './gradients';
import { tf } from './load';

installAutocast();
installGradients();

export {
  assignHandle,
  autocast,
  type LowPrecision,
  PRECISIONS,
  type Precision,
} from './autocast';
export { Recording } from './backward';
export {
  attribute,
  backend,
  castHandle,
  DType,
  free,
  type Handle,
  handleOf,
  type OpAttribute,
  ResourceVariable,
  runOp,
  runTensorOp,
  scalarHandle,
} from './native';
export { fastestPrecision } from './precision';
export { adoptVerdicts, distrustedOps, verdictsSoFar } from './trust';
export { tf };

/** Throws InputError unless `value` is a tensor that has not been disposed. */
export function checkTensor(name: string, value: unknown): void {
  if (!(value instanceof tf.Tensor))
    throw new InputError(`${name} is ${kindOf(value)}, want a tensor`);
  if (value.isDisposed) throw new InputError(`${name} is a tensor that has been disposed`);
}
