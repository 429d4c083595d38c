/** The page to draw a digit on: writes it, exports a model for it, serves it. */
export { writePage } from './build';
export { exportModel, holdsModel, removeModel } from './model';
export { type Site, serve } from './serve';
