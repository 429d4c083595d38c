/** Writes the page where you draw a digit, exports a model for it, and serves it. */
export { writePage } from './build';
export { exportModel, holdsModel, removeModel } from './model';
export { type Site, serve } from './serve';
