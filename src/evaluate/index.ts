/** How good a network is: loss and accuracy on a set, confusion, calibration, mistakes. */
export { type EvaluateOptions, type Evaluation, evaluate } from './evaluate';
export {
  type CalibrationBin,
  type ClassReport,
  calibration,
  classReports,
  confusionMatrix,
  mistakes,
} from './reports';
