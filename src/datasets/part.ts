import type { ImageSet } from '../data/index';
import type { ProgressListener } from '../progress';

export interface LoadOptions {
  /** Leave out pictures that cannot be read, instead of failing. */
  skipBad?: boolean;
  onProgress?: ProgressListener;
  /** Called with one line about anything unexpected. */
  say?: (line: string) => void;
}

/** A part of a dataset. `isWhole`: the dataset is not divided into training and test images. */
export interface Part {
  set: ImageSet;
  isWhole: boolean;
}
