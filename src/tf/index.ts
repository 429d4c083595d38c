/**
 * TensorFlow. All other code imports `tf` from here.
 *
 * `tf` is tfjs on TensorFlow's C library. Every model runs faster on it thanks to better gradients (`gradients.ts`),
 * oneDNN's ops (`onednn.ts`, `fusion.ts`) and mixed precision (`autocast.ts`).
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
export { normaliseBatch, normaliseShare } from './batch-norm';
export { chosenGpus } from './binding';
export { type Cluster, collectiveSum, joinCluster, receive, sendToAll } from './collective';
export { device, waitForDevice } from './device';
export { handleOf } from './entries';
export { FusedAdam, type Moments } from './fused-adam';
export {
  attribute,
  castHandle,
  DType,
  free,
  type OpAttribute,
  runOp,
  runTensorOp,
} from './native';
export { oneDnnAttributes, TWINS } from './onednn';
export { fastestPrecision } from './precision';
export { seededNormal, seededUniform } from './random';
export { PRECISIONS, type Precision } from './tuning';
export { freeUnreachable, freeWhenUnreachable } from './unreachable';
export { backend, tf };
