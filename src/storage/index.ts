/** Loads and saves models: tfjs folders, run folders and PyTorch's files. */
export { type LoadModelOptions, loadModel } from './load-model';
export { saveModel } from './model-folder';
