/** Downloads datasets from mirrors and checks the files. */
export { type DownloadOptions, downloadDataset } from './download';
export { DATASET_NAMES, type DataSource, type DatasetName, SOURCES } from './sources';
