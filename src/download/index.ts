/** Downloads data sets from mirrors and checks them. */
export {
  type Download,
  type DownloadedFile,
  type DownloadOptions,
  downloadDataset,
} from './download';
export { DATASET_NAMES, type DataSource, type DatasetName, SOURCES, sourceOf } from './sources';
