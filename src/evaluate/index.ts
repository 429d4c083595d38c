/** Evaluation: loss and accuracy on a set, confusion matrix, calibration, mistakes. */
export { type EvaluateOptions, type Evaluation, evaluate } from './evaluate';
export {
  type CalibrationBin,
  type ClassReport,
  calibration,
  classReports,
  confidenceInterval,
  confusionMatrix,
  mistakes,
} from './reports';
