/** Several processes that train together, on one machine or on several. */
export {
  GRADIENT_PRECISIONS,
  type GradientPrecision,
  joinGroup,
  type TensorFlowGroup,
  WorkerLostError,
} from './group';
export { freePorts } from './meet';
