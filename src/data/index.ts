/** Images and labels: from IDX files to batches on the device. */
export { AUGMENTATION, augmented } from './augment';
export { type Batch, disposeBatch, epochBatches, gatherPixels, makeBatch } from './batches';
export {
  countLabels,
  type ImageSet,
  loadDataset,
  type Split,
  slice,
  splitValidation,
  verifyEmbeddedMnist,
} from './dataset';
export { randomUniform } from './random';
export { toInput } from './transforms';
