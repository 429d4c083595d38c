/** Training: the loss, the optimizer, the loop, and the run folder it ends in. */
export { AdamW, type AdamWOptions, type AdamWState } from './adamw';
export { PlainAdamW } from './adamw-plain';
export { GradScaler, type GradScalerOptions, type GradScalerState } from './grad-scaler';
export { countCorrect, crossEntropySum } from './loss';
export { type Profile, tutorialProfile } from './profile';
export { checkNewRun, type Run, type RunConfig, readRun, writeJson, writeRun } from './run';
export { SCHEDULES, type Schedule, scheduledRate } from './schedule';
export {
  type EpochRecord,
  type History,
  type StepRecord,
  type TrainOptions,
  type TrainSettings,
  train,
  trainableVariables,
  trainStep,
} from './trainer';
export { type ValidateOptions, type Validation, validate } from './validate';
