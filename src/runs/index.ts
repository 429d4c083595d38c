/** Run folders: training that can be stopped, killed and resumed, and what it leaves on disk. */
export { type Checkpoint, readCheckpoint, writeCheckpoint } from './checkpoint';
export { interruptible } from './interrupt';
export { checkMemory, trainingMemory } from './memory';
export { checkNewRun, type Run, type RunConfig, readRun } from './run';
export { CHANGEABLE, RUN_SETTINGS, type RunSettings, type SettingName } from './settings';
export { type TrainState, trainState, weightsSha256 } from './state';
export { type RunOptions, readUnfinished, trainRun } from './train-run';
