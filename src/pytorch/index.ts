/** Weights in PyTorch's file formats: `.pth` and `.safetensors`. */
export { type LoadWeightsOptions, loadStateDict } from './load';
export { saveStateDict } from './save';
