/** Run folders: what a training run writes to disk, and how it is stopped and resumed. */
export { readCheckpoint } from './checkpoint';
export { compareRuns, differences, type RunSummary, summaryOf } from './compare';
export { interruptible } from './interrupt';
export { checkMemory, checkWeightsFit, trainingMemory } from './memory';
export { interruption, type Run, readRun, writeTest } from './run';
export { CHANGEABLE, RUN_SETTINGS, type RunSettings, type SettingName } from './settings';
export { agree, checkWorkers, type Group } from './shared';
export { trainState, weightsSha256 } from './state';
export { CHECKPOINT_MINUTES, type RunOptions, readUnfinished, trainRun } from './train-run';
