import { augmentOnDemand, epochBatches, type ImageSet } from '../data/index';
import { turnEventLoop } from '../interrupt';
import { checkFits } from '../model/index';
import type { tf } from '../tf/index';
import type { EpochRecord, History } from './history';
import { scheduledRate } from './schedule';
import type { TrainSettings } from './settings';
import { trainStep } from './step';
import { addEpoch, addStep, newTraining, nextEpoch, type Training } from './training';

export interface TrainCallbacks {
  /** Measures the model after each epoch: `() => evaluate(model, validation)`. */
  validate?: () => Promise<{ loss: number; accuracy: number } | undefined>;
  /** Called after each step, and awaited. */
  onStep?: (training: Training) => void | Promise<void>;
  /** Called after each epoch and its validation, and awaited. `isLast`: training ends now. */
  onEpoch?: (record: EpochRecord, training: Training, isLast: boolean) => void | Promise<void>;
  /** Asked after each epoch: whether to end before the last one. */
  stopEarly?: (history: History) => boolean;
  /** Stops training after the current step. */
  signal?: AbortSignal;
}

export type TrainOptions = Partial<TrainSettings> & TrainCallbacks;

/**
 * Trains `model` in place on `set`. Returns loss and accuracy for each step and epoch. Writes no files: `trainRun`
 * adds a run folder and checkpoints.
 * Throws InputError for settings out of range, DivergedError if the loss is not finite.
 */
export async function train(
  model: tf.LayersModel,
  set: ImageSet,
  options: TrainOptions = {},
): Promise<History> {
  const training = newTraining(model, options);
  try {
    return await continueTraining(training, set, options);
  } finally {
    training.optimizer.dispose();
  }
}

/** The training loop. Continues from `training`: a new one, or one restored from a checkpoint. */
export async function continueTraining(
  training: Training,
  set: ImageSet,
  { validate, onStep, onEpoch, stopEarly, signal }: TrainCallbacks = {},
): Promise<History> {
  const { model, optimizer, history, settings } = training;
  const { epochs, batchSize, accumulationSteps, learningRate, schedule, augment, seed } = settings;
  checkFits(model, set);
  const steps = epochs * Math.ceil(Math.ceil(set.length / batchSize) / accumulationSteps);

  let isOver = training.epoch > epochs;
  while (!isOver && !signal?.aborted) {
    const batches = epochBatches(set.length, batchSize, { seed, epoch: training.epoch });
    training.batches = batches.length;
    const images = augment ? augmentOnDemand(set, seed, training.epoch) : set;
    while (training.batch < batches.length && !signal?.aborted) {
      const started = performance.now();
      const group = batches.slice(training.batch, training.batch + accumulationSteps);
      optimizer.learningRate = scheduledRate(schedule, learningRate, optimizer.steps + 1, steps);
      const result = trainStep(training, images, group);
      training.batch += group.length;
      addStep(training, result, (performance.now() - started) / 1000);
      await turnEventLoop(); // lets output flush and signal handlers run
      await onStep?.(training);
    }
    const validation = signal?.aborted ? undefined : await validate?.();
    history.interrupted = signal?.aborted ?? false;
    const record = addEpoch(training, validation);
    if (!history.interrupted) nextEpoch(training);
    isOver = training.epoch > epochs || (!history.interrupted && (stopEarly?.(history) ?? false));
    await onEpoch?.(record, training, isOver || history.interrupted);
  }
  history.interrupted = !isOver;
  return history;
}
