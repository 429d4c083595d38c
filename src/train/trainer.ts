/**
 * The training loop: shuffled batches → gradients → AdamW, with a validation after each epoch.
 */
import { disposeBatch, epochBatches, type ImageSet, makeBatch } from '../data/index';
import { checkList, checkObject, InputError, oneOf, positiveInteger } from '../errors';
import { checkModel, inputSizeOf } from '../model/index';
import { type ProgressListener, turnEventLoop } from '../progress';
import { autocast, PRECISIONS, type Precision, Recording, tf } from '../tf/index';
import { AdamW } from './adamw';
import type { Checkpoint } from './checkpoint';
import { GradScaler } from './grad-scaler';
import { countCorrect, crossEntropySum } from './loss';
import { SCHEDULES, type Schedule, scheduledRate } from './schedule';
import {
  digest,
  type EpochSums,
  noSums,
  restore,
  snapshot,
  type TrainState,
  trainableVariables,
} from './state';
import { checkFits, type Validation, validate } from './validate';

export interface TrainOptions {
  epochs?: number;
  batchSize?: number;
  learningRate?: number;
  /** How the learning rate changes from update to update. */
  schedule?: Schedule;
  weightDecay?: number;
  /** Batches whose gradients are summed into one update: it acts as one batch that much larger. */
  accumulationSteps?: number;
  /** Of convolutions and matrix products, forward and gradients; all else is float32. */
  precision?: Precision;
  /** Fixes the order of the images. */
  seed?: number;
  /** Measured after each epoch; never trained on. */
  validation?: ImageSet;
  onProgress?: ProgressListener;
  /** Called after each update with everything measured so far. */
  onStep?: (history: History) => void;
  /** Called, and waited for, after each epoch with everything measured so far. */
  onEpoch?: (record: EpochRecord, history: History) => void | Promise<void>;
  /** Goes on from here instead of from the start, to the same result, bit for bit. */
  from?: Checkpoint<TrainState>;
  /** Called, and waited for, after each update and between epochs: what `snapshot` returns may be saved. */
  onUpdate?: (update: UpdateEvent) => void | Promise<void>;
  /** What ends the training after the current update. */
  signals?: readonly NodeJS.Signals[];
}

export interface UpdateEvent {
  /** Updates made so far. */
  step: number;
  /** Whether an epoch has ended with it, its validation included. */
  epochEnded: boolean;
  /** Whether this is the last one before an interrupted training ends. */
  interrupted: boolean;
  /** The training as it stands; its arrays must be read before the next update. */
  snapshot(): Checkpoint<TrainState>;
}

/** What a training was told to do, defaults filled in. */
export interface TrainSettings {
  /** The name of the set. */
  data: string;
  trainImages: number;
  validationImages: number;
  epochs: number;
  batchSize: number;
  learningRate: number;
  schedule: Schedule;
  weightDecay: number;
  accumulationSteps: number;
  precision: Precision;
  seed: number;
}

/** The loss is infinite or not a number; the update was not made. */
export class DivergedError extends InputError {
  override name = 'DivergedError';
}

/** One epoch, as it stands in `history.json`. */
export interface EpochRecord {
  epoch: number;
  /** Updates made until its end. */
  steps: number;
  /** Mean over the epoch's images while they were trained on, dropout active. */
  trainLoss: number;
  /** 0 to 1, likewise. */
  trainAccuracy: number;
  /** Null without a validation set. */
  valLoss: number | null;
  valAccuracy: number | null;
  /** Of training, validation not included. */
  seconds: number;
  imagesPerSecond: number;
}

/** One update of the weights. */
export interface StepRecord {
  step: number;
  learningRate: number;
  /** Mean over the images of this update. */
  loss: number;
  accuracy: number;
}

export interface History {
  settings: TrainSettings;
  epochs: EpochRecord[];
  steps: StepRecord[];
  /** True when an interrupt ended the training; the last epoch may then be of fewer images. */
  interrupted: boolean;
}

/**
 * Trains `model` in place on `set` and returns what was measured.
 *
 * An interrupt (Ctrl-C, or Jupyter's stop button) ends it after the current update; what was learned
 * stays in the model, and the history goes up to there. Throws InputError for settings out of range.
 */
export async function train(
  model: tf.LayersModel,
  set: ImageSet,
  options: TrainOptions = {},
): Promise<History> {
  checkObject('options', options);
  const { validation, onProgress, onStep, onEpoch, onUpdate, from } = options;
  checkFits(model, set);
  const settings = trainSettings(set, options);
  const { epochs, batchSize, learningRate, schedule, accumulationSteps, precision, seed } =
    settings;
  const optimizer = new AdamW(settings);
  // bfloat16 has float32's range and needs no scale.
  const scaler = precision === 'float16' ? new GradScaler() : undefined;
  const training = { model, optimizer, scaler };
  const dataSha256 = from || onUpdate ? digest(set) : '';
  const history: History = { settings, epochs: [], steps: [], interrupted: false };
  let position = { epoch: 1, batch: 0, sums: noSums() };
  if (from) {
    try {
      position = restore(training, from, dataSha256);
    } catch (error) {
      optimizer.dispose();
      throw error;
    }
    history.epochs.push(...from.state.epochs);
    history.steps.push(...from.state.steps);
  }
  const update = async (epoch: number, batch: number, sums: EpochSums, epochEnded: boolean) =>
    onUpdate?.({
      step: history.steps.length,
      epochEnded,
      interrupted: history.interrupted,
      snapshot: () => {
        const { epochs, steps } = history;
        const place = { settings, dataSha256, epoch, batch, sums: { ...sums } };
        return snapshot(training, { ...place, epochs: [...epochs], steps: [...steps] });
      },
    });
  const updates = epochs * Math.ceil(Math.ceil(set.length / batchSize) / accumulationSteps);
  // A cell's first stretch runs under Node's own watch for SIGINT, which undoes at its end what is set up
  // during it: so listening begins after that.
  await turnEventLoop();
  const stopListening = listen(options.signals ?? ['SIGINT'], () => {
    history.interrupted = true;
  });
  try {
    for (let { epoch } = position; epoch <= epochs && !history.interrupted; epoch++) {
      const batches = epochBatches(set.length, batchSize, { seed, epoch });
      const { batch: done, sums } = position;
      let started = performance.now() - 1000 * sums.seconds;
      for (let first = done; first < batches.length; first += accumulationSteps) {
        const group = batches.slice(first, first + accumulationSteps);
        optimizer.learningRate = scheduledRate(
          schedule,
          learningRate,
          optimizer.steps + 1,
          updates,
        );
        const step = history.steps.length + 1;
        const made = trainStep(model, optimizer, set, group, { precision, scaler });
        if (!Number.isFinite(made.lossSum)) {
          throw new DivergedError(
            `the loss is ${made.lossSum} in step ${step} (epoch ${epoch}, learning rate ${optimizer.learningRate}): ` +
              'the training has diverged. The update was not made; a smaller learning rate may help',
          );
        }
        sums.loss += made.lossSum;
        sums.correct += made.correct;
        sums.images += made.images;
        sums.seconds = (performance.now() - started) / 1000;
        history.steps.push({
          step,
          learningRate: optimizer.learningRate,
          loss: made.lossSum / made.images,
          accuracy: made.correct / made.images,
        });
        onProgress?.({
          label: `Epoch ${epoch}/${epochs}`,
          done: first + group.length,
          total: batches.length,
          unit: 'batch',
          seconds: sums.seconds,
          details: `loss=${(sums.loss / sums.images).toFixed(3)}, acc=${((100 * sums.correct) / sums.images).toFixed(1)}%`,
        });
        onStep?.(history);
        await turnEventLoop();
        const paused = performance.now();
        await update(epoch, first + group.length, sums, false);
        started += performance.now() - paused; // to write a checkpoint is not to train
        if (history.interrupted) break;
      }
      let measured: Validation | undefined;
      if (validation && !history.interrupted) {
        const validated = await validate(model, validation, {
          batchSize,
          precision,
          onProgress,
          label: 'Validating',
          stop: () => history.interrupted,
        });
        if (!history.interrupted) measured = validated;
        else await update(epoch, batches.length, sums, false);
      }
      const record: EpochRecord = {
        epoch,
        steps: history.steps.length,
        trainLoss: sums.loss / sums.images,
        trainAccuracy: sums.correct / sums.images,
        valLoss: measured?.loss ?? null,
        valAccuracy: measured?.accuracy ?? null,
        seconds: sums.seconds,
        imagesPerSecond: sums.images / sums.seconds,
      };
      history.epochs.push(record);
      await onEpoch?.(record, history);
      position = { epoch: epoch + 1, batch: 0, sums: noSums() };
      const isLast = epoch === epochs;
      if (!history.interrupted && !isLast) await update(epoch + 1, 0, position.sums, true);
    }
  } finally {
    stopListening();
    optimizer.dispose();
  }
  return history;
}

/**
 * Calls `heard` at the first of the signals; whoever listened before hears the second. Returns what ends it.
 * Whoever listens else would act on the first at once: tslab would fail the cell, and with it what was learned.
 */
function listen(signals: readonly NodeJS.Signals[], heard: () => void): () => void {
  const others = signals.map((signal) => [signal, process.listeners(signal)] as const);
  const restore = () => {
    for (const [signal, listeners] of others) {
      process.removeListener(signal, once);
      for (const listener of listeners) {
        if (!process.listeners(signal).includes(listener)) process.on(signal, listener);
      }
    }
  };
  const once = () => {
    restore();
    heard();
  };
  for (const signal of signals) {
    process.removeAllListeners(signal);
    process.on(signal, once);
  }
  return restore;
}

/** What a training with these options is told to do. Throws InputError for settings out of range. */
export function trainSettings(set: ImageSet, options: TrainOptions): TrainSettings {
  const { epochs = 5, batchSize = 128, accumulationSteps = 1, seed = 42, validation } = options;
  const { learningRate = 1e-3, schedule = 'constant', weightDecay = 0.01 } = options;
  const { precision = 'float32' } = options;
  oneOf('schedule', schedule, SCHEDULES);
  oneOf('precision', precision, PRECISIONS);
  positiveInteger('epochs', epochs);
  positiveInteger('batch size', batchSize);
  positiveInteger('accumulation steps', accumulationSteps);
  return {
    data: set.name,
    trainImages: set.length,
    validationImages: validation?.length ?? 0,
    epochs,
    batchSize,
    learningRate,
    schedule,
    weightDecay,
    accumulationSteps,
    precision,
    seed,
  };
}

export interface StepResult {
  images: number;
  /** Summed over the images. */
  lossSum: number;
  correct: number;
  /** True when the loss is not finite, or float16 gradients overflowed, and the update was left out. */
  skipped: boolean;
}

/**
 * One update from one or more batches. Each batch's loss is divided by the images of the whole group,
 * so the gradients sum to those of the mean over all of them: the same as one large batch.
 */
export function trainStep(
  model: tf.LayersModel,
  optimizer: AdamW,
  set: ImageSet,
  group: ArrayLike<number>[],
  options: { precision?: Precision; scaler?: GradScaler } = {},
): StepResult {
  checkModel(model);
  checkList('group', group, 1);
  const { precision = 'float32', scaler } = options;
  const scale = scaler?.scale ?? 1;
  const variables = trainableVariables(model);
  const inputSize = inputSizeOf(model);
  const images = group.reduce((sum, indices) => sum + indices.length, 0);
  const result = { images, lossSum: 0, correct: 0, skipped: false };
  const gradients: tf.NamedTensorMap = {};
  for (const [index, indices] of group.entries()) {
    const batch = makeBatch(set, indices, inputSize);
    let correct: tf.Scalar | undefined;
    autocast(precision, () => {
      const recording = Recording.of(() => {
        const logits = model.apply(batch.images, { training: true }) as tf.Tensor2D;
        correct = tf.keep(countCorrect(logits, batch.labels));
        return crossEntropySum(logits, batch.labels).mul(scale / images) as tf.Scalar;
      });
      result.lossSum += (recording.value.dataSync()[0] * images) / scale;
      result.correct += correct!.dataSync()[0];
      tf.dispose([recording.value, correct!]);
      if (!Number.isFinite(result.lossSum)) return recording.dispose();
      // A layer's weights are updated while the gradients of the layers before it are still to come: each
      // gradient is freed at once. Only a loss scale has to see them all first.
      const isLast = index === group.length - 1;
      if (isLast && !scaler) optimizer.beginStep();
      recording.backward(variables, (variable, gradient) =>
        autocast('float32', () => {
          const before = gradients[variable.name];
          const sum = before ? before.add(gradient) : gradient;
          if (before) tf.dispose([before, gradient]);
          gradients[variable.name] = sum;
          if (!isLast || scaler) return;
          optimizer.update(variable, sum);
          sum.dispose();
        }),
      );
    });
    disposeBatch(batch);
    if (!Number.isFinite(result.lossSum)) break;
  }
  if (!Number.isFinite(result.lossSum)) {
    tf.dispose(gradients);
    return { ...result, skipped: true };
  }
  if (scaler) {
    const unscaled = scaler.unscale(gradients);
    if (unscaled) optimizer.step(variables, unscaled);
    scaler.update(unscaled === null);
    result.skipped = unscaled === null;
    tf.dispose([gradients, unscaled ?? {}]);
  }
  return result;
}
