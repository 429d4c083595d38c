import { InputError } from '../errors';
import { lossText, type Progress } from '../progress';
import type { tf } from '../tf/index';
import { AdamW } from './adamw';
import { GradScaler } from './grad-scaler';
import type { EpochRecord, History } from './history';
import { type TrainSettings, trainSettings } from './settings';
import type { Workers } from './workers';

/** What a training step needs. */
export interface Trainer {
  readonly settings: TrainSettings;
  readonly model: tf.LayersModel;
  readonly optimizer: AdamW;
  /** For float16 only: bfloat16 has the range of float32. */
  readonly scaler?: GradScaler;
  /** If several processes train the model together. */
  readonly workers?: Workers;
}

export interface StepResult {
  images: number;
  /** Sums over the images. */
  lossSum: number;
  correct: number;
  /** True if the weights were not updated: the loss is not finite, or float16 gradients overflowed. */
  skipped: boolean;
}

/** A training run in progress: everything that later steps depend on. */
export interface Training extends Trainer {
  /** The current epoch, from 1. */
  epoch: number;
  /** Batches done in this epoch. */
  batch: number;
  /** Batches per epoch. */
  batches: number;
  /** Sums over the images of this epoch so far. */
  sums: EpochSums;
  readonly history: History;
}

export interface EpochSums {
  loss: number;
  correct: number;
  images: number;
  seconds: number;
}

/** The loss is infinite or NaN. The step did not update the weights. */
export class DivergedError extends InputError {
  override name = 'DivergedError';
}

const noSums = (): EpochSums => ({ loss: 0, correct: 0, images: 0, seconds: 0 });

/**
 * A new training run of `model`. The caller disposes its optimizer.
 * Throws InputError for settings out of range.
 */
export function newTraining(
  model: tf.LayersModel,
  options: Partial<TrainSettings> = {},
  workers?: Workers,
): Training {
  const settings = trainSettings(options);
  return {
    settings,
    model,
    optimizer: new AdamW(settings),
    scaler: settings.precision === 'float16' ? new GradScaler() : undefined,
    workers,
    epoch: 1,
    batch: 0,
    batches: 0,
    sums: noSums(),
    history: { epochs: [], steps: [], interrupted: false },
  };
}

/** The progress of the current epoch, for a progress bar. */
export function stepProgress({ epoch, batch, batches, sums, settings }: Training): Progress {
  const { loss, correct, images, seconds } = sums;
  return {
    label: `Epoch ${epoch}/${settings.epochs}`,
    done: batch,
    total: batches,
    unit: 'batch',
    seconds,
    details: lossText(loss, correct, images),
  };
}

/** Adds a step to the history. Throws DivergedError if its loss is not finite. */
export function addStep(
  { optimizer, history, sums, epoch }: Training,
  result: StepResult,
  seconds: number,
) {
  const { images, lossSum, correct } = result;
  const step = history.steps.length + 1;
  const { learningRate } = optimizer;
  if (!Number.isFinite(lossSum)) {
    throw new DivergedError(
      `the loss is ${lossSum} in step ${step} (epoch ${epoch}, learning rate ${learningRate}): ` +
        'training diverged, and this step was skipped. Try a smaller learning rate',
    );
  }
  sums.loss += lossSum;
  sums.correct += correct;
  sums.images += images;
  sums.seconds += seconds;
  history.steps.push({ step, learningRate, loss: lossSum / images, accuracy: correct / images });
}

/** Adds the current epoch to the history. */
export function addEpoch(
  { epoch, history, sums }: Training,
  validation?: { loss: number; accuracy: number },
): EpochRecord {
  const record: EpochRecord = {
    epoch,
    steps: history.steps.length,
    trainLoss: sums.loss / sums.images,
    trainAccuracy: sums.correct / sums.images,
    valLoss: validation?.loss ?? null,
    valAccuracy: validation?.accuracy ?? null,
    seconds: sums.seconds,
    imagesPerSecond: sums.images / sums.seconds,
  };
  history.epochs.push(record);
  return record;
}

/** Moves on to the first batch of the next epoch. */
export function nextEpoch(training: Training): void {
  training.epoch++;
  training.batch = 0;
  training.sums = noSums();
}
