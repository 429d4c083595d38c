/** Several processes that train together, on one machine or on several. */
export { checkPrivate, ownIndex, parseAddresses, portOf, readClusterFile } from './addresses';
export { visibleGpus } from './gpus';
export {
  GRADIENT_PRECISIONS,
  type GradientPrecision,
  joinGroup,
  lostWorker,
  type TensorFlowGroup,
  WAIT_SECONDS,
} from './group';
export { launchWorkers, type Outcome, threadsFor } from './launch';
export { freePorts, meet } from './meet';
