import type { ImageSet } from '../data/index';
import type { ProgressListener } from '../progress';

export interface LoadOptions {
  /** Leave out pictures that cannot be read, instead of failing. */
  skipBad?: boolean;
  /** Bytes of free memory to reckon with; those of the machine by default. */
  memory?: number;
  onProgress?: ProgressListener;
  /** Called with one line about anything unexpected. */
  say?: (line: string) => void;
}

/** What was read of a dataset. */
export interface Part {
  set: ImageSet;
  /**
   * `file`: the images of a split, in the order of the file; `share`: all images of a dataset that is not divided;
   * `final`: the images of a split in the order that training wants.
   */
  order: 'file' | 'share' | 'final';
}
