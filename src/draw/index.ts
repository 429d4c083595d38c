/** The page to draw a digit on: written, given a model, served. */
export { writePage } from './build';
export { exportModel, holdsModel, removeModel } from './model';
export { type Site, serve } from './serve';
