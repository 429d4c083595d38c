/** Training: the loss, the optimizer, the loop, and the run folder it ends in. */
export { AdamW, type AdamWOptions, type AdamWState } from './adamw';
export { PlainAdamW } from './adamw-plain';
export { type ArticleLoop, articleLoop } from './article';
export { type Checkpoint, readCheckpoint, writeCheckpoint } from './checkpoint';
export { GradScaler, type GradScalerOptions, type GradScalerState } from './grad-scaler';
export { countCorrect, crossEntropySum } from './loss';
export { checkMemory, trainingMemory } from './memory';
export { type Profile, tutorialProfile } from './profile';
export {
  CHANGEABLE,
  type Changeable,
  type RunOptions,
  readUnfinished,
  trainRun,
} from './resumable';
export { checkNewRun, type Run, type RunConfig, readRun, writeJson, writeRun } from './run';
export { SCHEDULES, type Schedule, scheduledRate } from './schedule';
export { type TrainState, trainableVariables, weightsSha256 } from './state';
export {
  DivergedError,
  type EpochRecord,
  type History,
  type StepRecord,
  type TrainOptions,
  type TrainSettings,
  train,
  trainStep,
  type UpdateEvent,
} from './trainer';
export { type ValidateOptions, type Validation, validate } from './validate';
