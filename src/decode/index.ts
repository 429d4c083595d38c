/** Decodes image files. Node only; `image/`, which also runs in browsers, does the rest. */
export { FORMATS, readBitmap } from './bitmap-file';
