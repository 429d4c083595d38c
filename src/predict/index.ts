/** Using a trained model: on a labelled set, on a batch, on an image file. */
export { confusionMatrix, type Evaluation, evaluate, mistakes } from './evaluate';
export { type GreyImage, readGreyImage } from './image';
export { type Prediction, predictBatch, predictFile } from './predict';
