/** Models on disk: a tfjs folder, a run folder, or PyTorch's files. */
export type { LoadWeightsOptions } from '../pytorch/index';
export { loadModel } from './load-model';
export { saveModel } from './model-folder';
