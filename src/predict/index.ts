/** Predicts the class of images: a batch of a set, one picture, or an image file. */
export { type DigitOptions, readDigit, readDigits } from './image';
export { type Prediction, predictBatch, predictFile, predictImage } from './predict';
