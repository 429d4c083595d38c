/** Training: settings, loss, optimizer, one step, and the loop. */
export { AdamW, type AdamWOptions, type AdamWState } from './adamw';
export { PlainAdamW } from './adamw-plain';
export { findLearningRate, type RateOptions, type RateSearch } from './find-rate';
export { GradScaler, type GradScalerState } from './grad-scaler';
export {
  type EpochRecord,
  epochRecord,
  type History,
  type StepRecord,
  stepRecord,
} from './history';
export { continueTraining, type TrainCallbacks, type TrainOptions, train } from './loop';
export { countCorrect, crossEntropy, crossEntropySum } from './loss';
export { type Schedule, scheduledRate } from './schedule';
export { TRAIN_SETTINGS, type TrainSettings } from './settings';
export { trainStep } from './step';
export {
  DivergedError,
  type EpochSums,
  newTraining,
  type StepResult,
  stepProgress,
  type Trainer,
  type Training,
} from './training';
export { partOf, sumNumbers, type Workers } from './workers';
