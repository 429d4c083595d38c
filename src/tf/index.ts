/**
 * The one door to TensorFlow: everything else writes `import { tf } from '../tf/index'`.
 *
 * Behind it lie tfjs's own operations on TensorFlow's C library, made faster for every model: better
 * gradients (`gradients.ts`) and mixed precision (`autocast.ts`).
 */
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
