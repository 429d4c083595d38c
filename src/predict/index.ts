/** Using a trained model: on a labelled set, on a batch, on a picture of a digit. */
export { type Bitmap, type DigitStep, digitSteps, type GreyImage } from './digit';
export { confusionMatrix, type Evaluation, evaluate, mistakes } from './evaluate';
export { type DigitOptions, readBitmap, readDigit } from './image';
export { type Prediction, predictBatch, predictFile, predictImage } from './predict';
