import { InputError } from '../errors';
import type { Progress } from '../progress';
import type { tf } from '../tf/index';
import { AdamW } from './adamw';
import { GradScaler } from './grad-scaler';
import type { EpochRecord, History } from './history';
import { type TrainSettings, trainSettings } from './settings';

/** What a step works with. */
export interface Trainer {
  readonly settings: TrainSettings;
  readonly model: tf.LayersModel;
  readonly optimizer: AdamW;
  /** In float16 only: bfloat16 has the range of float32. */
  readonly scaler?: GradScaler;
}

export interface StepResult {
  images: number;
  /** Sums over the images. */
  lossSum: number;
  correct: number;
  /** True if the weights were left alone: the loss is not finite, or float16 gradients overflowed. */
  skipped: boolean;
}

/** A training and where it stands: everything that later steps depend on. */
export interface Training extends Trainer {
  /** The epoch under way, from 1. */
  epoch: number;
  /** Batches of this epoch that are done, of how many. */
  batch: number;
  batches: number;
  /** Over the images of this epoch so far. */
  sums: EpochSums;
  readonly history: History;
}

export interface EpochSums {
  loss: number;
  correct: number;
  images: number;
  seconds: number;
}

/** The loss is infinite or NaN. The step was not made. */
export class DivergedError extends InputError {
  override name = 'DivergedError';
}

const noSums = (): EpochSums => ({ loss: 0, correct: 0, images: 0, seconds: 0 });

/**
 * A training of `model` that has not begun. The caller disposes its optimizer.
 * Throws InputError for settings out of range.
 */
export function newTraining(model: tf.LayersModel, options: Partial<TrainSettings> = {}): Training {
  const settings = trainSettings(options);
  return {
    settings,
    model,
    optimizer: new AdamW(settings),
    scaler: settings.precision === 'float16' ? new GradScaler() : undefined,
    epoch: 1,
    batch: 0,
    batches: 0,
    sums: noSums(),
    history: { epochs: [], steps: [], interrupted: false },
  };
}

/** How far the epoch under way has come, for a progress bar. */
export function stepProgress({ epoch, batch, batches, sums, settings }: Training): Progress {
  const { loss, correct, images, seconds } = sums;
  return {
    label: `Epoch ${epoch}/${settings.epochs}`,
    done: batch,
    total: batches,
    unit: 'batch',
    seconds,
    details: `loss=${(loss / images).toFixed(3)}, acc=${((100 * correct) / images).toFixed(1)}%`,
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
        'the training has diverged. The step was not made; try a smaller learning rate',
    );
  }
  sums.loss += lossSum;
  sums.correct += correct;
  sums.images += images;
  sums.seconds += seconds;
  history.steps.push({ step, learningRate, loss: lossSum / images, accuracy: correct / images });
}

/** Adds the epoch under way to the history. */
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
