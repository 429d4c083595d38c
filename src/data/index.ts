export { HALF, type Normalisation } from '../image/index';
/** Images and labels: from IDX files to batches on the device. */
export { AUGMENTATION, augmented, augmentOnDemand } from './augment';
export { type Batch, disposeBatch, epochBatches, gatherPixels, makeBatch } from './batches';
export {
  countLabels,
  DIGITS,
  embeddedFolder,
  type ImageSet,
  inColour,
  loadDataset,
  MNIST_MD5,
  type Split,
  slice,
  splitValidation,
} from './dataset';
export { IMAGES_MAGIC, LABELS_MAGIC, parseIdxImages, parseIdxLabels } from './idx';
export { randomUniform } from './random';
export { type ImageShape, toInput } from './transforms';
