/**
 * The one door to TensorFlow: everything else imports `tf` from here.
 *
 * It gives tfjs's own operations on TensorFlow's C library, made faster for every model by better gradients
 * (`gradients.ts`), oneDNN's ops (`onednn.ts`) and mixed precision (`autocast.ts`).
 */
import { installAutocast } from './autocast';
import { installEntries } from './entries';
import { installGradients } from './gradients';
import { tf } from './load';
import { backend } from './native';
import { newTuning } from './tuning';

backend().tuning ??= newTuning();
installEntries();
installAutocast();
installGradients();

export { autocast } from './autocast';
export { Recording } from './backward';
export { assignHandle } from './entries';
export { type AdamStep, FusedAdam, type Moments } from './fused-adam';
export {
  attribute,
  castHandle,
  DType,
  free,
  type Handle,
  handleOf,
  type OpAttribute,
  runOp,
  runTensorOp,
  scalarHandle,
} from './native';
export { oneDnnAttributes, TWINS } from './onednn';
export { fastestPrecision, measuredPrecision } from './precision';
export { seededNormal, seededUniform } from './random';
export { ResourceVariable } from './resource-variable';
export { distrustedOps } from './trust';
export { type LowPrecision, PRECISIONS, type Precision } from './tuning';
export { freeUnreachable, freeWhenUnreachable } from './unreachable';
export { backend, tf };
