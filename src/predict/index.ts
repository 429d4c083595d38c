/** Using a trained model: on a labelled set, on a batch, on a picture of a digit. */
export { type Bitmap, type DigitStep, digitSteps, type GreyImage } from './digit';
export {
  type CalibrationBin,
  type ClassReport,
  calibration,
  classReports,
  confusionMatrix,
  type Evaluation,
  evaluate,
  mistakes,
} from './evaluate';
export { type DigitOptions, readBitmap, readDigit } from './image';
export { type FeatureMaps, featureMaps, filterImages } from './inside';
export { type Prediction, predictBatch, predictFile, predictImage } from './predict';
