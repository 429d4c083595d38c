/** Images and labels: from IDX files to batches on the device. */
export { type Batch, disposeBatch, epochBatches, gatherPixels, makeBatch } from './batches';
export {
  checkSet,
  countLabels,
  type ImageSet,
  loadDataset,
  type Split,
  slice,
  splitValidation,
  verifyEmbeddedMnist,
} from './dataset';
export {
  type Download,
  type DownloadedFile,
  type DownloadOptions,
  downloadDataset,
} from './download';
export { DATASET_NAMES, type DataSource, type DatasetName, sourceOf } from './sources';
export { normalise, resize, resizeWeights, toInput } from './transforms';
