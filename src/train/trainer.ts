/**
 * The training loop: shuffled batches → gradients → AdamW, with a validation after each epoch.
 */
import { disposeBatch, epochBatches, type ImageSet, makeBatch } from '../data/index';
import { positiveInteger } from '../errors';
import { inputSizeOf } from '../model/index';
import { type ProgressListener, turnEventLoop } from '../progress';
import { autocast, type Precision, Recording, tf } from '../tf/index';
import { AdamW } from './adamw';
import { GradScaler } from './grad-scaler';
import { countCorrect, crossEntropySum } from './loss';
import { type Schedule, scheduledRate } from './schedule';
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
  /** Called, and waited for, after each epoch with everything measured so far. */
  onEpoch?: (record: EpochRecord, history: History) => void | Promise<void>;
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

/** One epoch, as it stands in `history.json`. */
export interface EpochRecord {
  epoch: number;
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
  const { validation, onProgress, onEpoch } = options;
  checkFits(model, set);
  const settings = trainSettings(set, options);
  const { epochs, batchSize, learningRate, schedule, accumulationSteps, precision, seed } =
    settings;
  const history: History = { settings, epochs: [], steps: [], interrupted: false };
  const optimizer = new AdamW(settings);
  // bfloat16 has float32's range and needs no scale.
  const scaler = precision === 'float16' ? new GradScaler() : undefined;
  const updates = epochs * Math.ceil(Math.ceil(set.length / batchSize) / accumulationSteps);
  const interrupt = () => {
    history.interrupted = true;
  };
  // A cell's first stretch runs under Node's own watch for SIGINT, which undoes at its end what is set up
  // during it: so listening begins after that.
  await turnEventLoop();
  // Whoever listens else would act at once: tslab would fail the cell, and with it what was learned.
  const others = process.listeners('SIGINT');
  process.removeAllListeners('SIGINT');
  process.once('SIGINT', interrupt);
  try {
    for (let epoch = 1; epoch <= epochs && !history.interrupted; epoch++) {
      const batches = epochBatches(set.length, batchSize, { seed, epoch });
      const started = performance.now();
      let lossSum = 0;
      let correct = 0;
      let seen = 0;
      for (let first = 0; first < batches.length; first += accumulationSteps) {
        const group = batches.slice(first, first + accumulationSteps);
        optimizer.learningRate = scheduledRate(
          schedule,
          learningRate,
          optimizer.steps + 1,
          updates,
        );
        const update = trainStep(model, optimizer, set, group, { precision, scaler });
        lossSum += update.lossSum;
        correct += update.correct;
        seen += update.images;
        history.steps.push({
          step: history.steps.length + 1,
          learningRate: optimizer.learningRate,
          loss: update.lossSum / update.images,
          accuracy: update.correct / update.images,
        });
        onProgress?.({
          label: `Epoch ${epoch}/${epochs}`,
          done: first + group.length,
          total: batches.length,
          unit: 'batch',
          seconds: (performance.now() - started) / 1000,
          details: `loss=${(lossSum / seen).toFixed(3)}, acc=${((100 * correct) / seen).toFixed(1)}%`,
        });
        await turnEventLoop();
        if (history.interrupted) break;
      }
      const seconds = (performance.now() - started) / 1000;
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
      }
      const record: EpochRecord = {
        epoch,
        trainLoss: lossSum / seen,
        trainAccuracy: correct / seen,
        valLoss: measured?.loss ?? null,
        valAccuracy: measured?.accuracy ?? null,
        seconds,
        imagesPerSecond: seen / seconds,
      };
      history.epochs.push(record);
      await onEpoch?.(record, history);
    }
  } finally {
    process.removeListener('SIGINT', interrupt);
    for (const listener of others) process.on('SIGINT', listener);
    optimizer.dispose();
  }
  return history;
}

function trainSettings(set: ImageSet, options: TrainOptions): TrainSettings {
  const { epochs = 5, batchSize = 128, accumulationSteps = 1, seed = 42, validation } = options;
  const { learningRate = 1e-3, schedule = 'constant', weightDecay = 0.01 } = options;
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
    precision: options.precision ?? 'float32',
    seed,
  };
}

export interface StepResult {
  images: number;
  /** Summed over the images. */
  lossSum: number;
  correct: number;
  /** True when float16 gradients overflowed and the update was left out. */
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
  const { precision = 'float32', scaler } = options;
  const scale = scaler?.scale ?? 1;
  const variables = trainableVariables(model);
  const inputSize = inputSizeOf(model);
  const images = group.reduce((sum, indices) => sum + indices.length, 0);
  const result = { images, lossSum: 0, correct: 0, skipped: false };
  const gradients: tf.NamedTensorMap = {};
  group.forEach((indices, index) => {
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
      tf.dispose([recording.value, correct!]);
    });
    disposeBatch(batch);
  });
  if (scaler) {
    const unscaled = scaler.unscale(gradients);
    if (unscaled) optimizer.step(variables, unscaled);
    scaler.update(unscaled === null);
    result.skipped = unscaled === null;
    tf.dispose([gradients, unscaled ?? {}]);
  }
  return result;
}

/** The tfjs variables behind a model's trainable weights, in the order of its layers. */
export function trainableVariables(model: tf.LayersModel): tf.Variable[] {
  // A LayerVariable keeps its tf.Variable in a field that its type hides.
  return model.trainableWeights.map((weight) => (weight as unknown as { val: tf.Variable }).val);
}
