/** Decodes image files. Node only; `image/`, which also runs in browsers, does the rest. */
export { FORMATS, pictureSize, readBitmap, readSquare } from './bitmap-file';
