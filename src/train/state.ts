/** Where a training stands: everything that the updates to come depend on, taken and put back. */
import { createHash } from 'node:crypto';
import type { ImageSet } from '../data/index';
import { InputError } from '../errors';
import { checkModel, type Dropout } from '../model/index';
import { adoptVerdicts, tf, verdictsSoFar } from '../tf/index';
import type { AdamW, AdamWState } from './adamw';
import type { Checkpoint, LazyArray } from './checkpoint';
import type { GradScaler, GradScalerState } from './grad-scaler';
import type { EpochRecord, StepRecord, TrainSettings } from './trainer';

/** Where a training stands, beside the weights and moments. */
export interface TrainState {
  settings: TrainSettings;
  /** Fixes what `settings` cannot: SHA-256 of the images and labels. */
  dataSha256: string;
  /** The epoch under way, from 1, and how many of its batches are done. */
  epoch: number;
  batch: number;
  /** Of the epoch under way. */
  sums: EpochSums;
  epochs: EpochRecord[];
  steps: StepRecord[];
  optimizerSteps: number;
  scaler: GradScalerState | null;
  /** How many masks each dropout layer has drawn. */
  dropoutCalls: number[];
  /** Which ops are trusted in low precision. */
  verdicts: [op: string, trusted: boolean][];
}

export interface EpochSums {
  loss: number;
  correct: number;
  images: number;
  seconds: number;
}

export const noSums = (): EpochSums => ({ loss: 0, correct: 0, images: 0, seconds: 0 });

export interface Training {
  model: tf.LayersModel;
  optimizer: AdamW;
  scaler?: GradScaler;
}

export type Place = Omit<TrainState, 'optimizerSteps' | 'scaler' | 'dropoutCalls' | 'verdicts'>;

/** Everything that the updates to come depend on. */
export function snapshot(
  { model, optimizer, scaler }: Training,
  place: Place,
): Checkpoint<TrainState> {
  const { moments, steps } = optimizer.state;
  const arrays = namedWeights(model).flatMap(({ name, variable }): LazyArray[] => {
    const { size: length } = variable;
    const read = () => variable.dataSync() as Float32Array;
    const found = moments[variable.name];
    const slots = found
      ? [
          { name: `first/${name}`, length, read: found.first },
          { name: `second/${name}`, length, read: found.second },
        ]
      : [];
    return [{ name: `weights/${name}`, length, read }, ...slots];
  });
  const state: TrainState = {
    ...place,
    optimizerSteps: steps,
    scaler: scaler?.state ?? null,
    dropoutCalls: dropouts(model).map(({ calls }) => calls),
    verdicts: verdictsSoFar(),
  };
  return { state, arrays };
}

/** Throws InputError when the checkpoint is of another network or other data, and then changes nothing. */
export function restore(
  { model, optimizer, scaler }: Training,
  { state, arrays }: Checkpoint<TrainState>,
  dataSha256: string,
): { epoch: number; batch: number; sums: EpochSums } {
  if (state.dataSha256 !== dataSha256) {
    throw new InputError('the checkpoint was trained on other images or labels than these');
  }
  const found = new Map(arrays.map((array) => [array.name, array]));
  const weights = namedWeights(model);
  const layers = dropouts(model);
  const odd = weights.find(({ name, variable }) => {
    return found.get(`weights/${name}`)?.length !== variable.size;
  });
  const saved = arrays.filter(({ name }) => name.startsWith('weights/')).length;
  if (odd || saved !== weights.length || state.dropoutCalls.length !== layers.length) {
    throw new InputError(
      `the checkpoint is of another network than this${odd ? `: they differ in ${odd.name}` : ''}`,
    );
  }
  const moments: AdamWState['moments'] = {};
  for (const { name, variable } of weights) {
    const [first, second] = [found.get(`first/${name}`), found.get(`second/${name}`)];
    if (first && second) {
      moments[variable.name] = { length: first.length, first: first.read, second: second.read };
    }
  }
  optimizer.restore({ steps: state.optimizerSteps, moments }, trainableVariables(model));
  for (const { name, variable } of weights) {
    const values = found.get(`weights/${name}`)!.read();
    tf.tidy(() => variable.assign(tf.tensor(values, variable.shape)));
  }
  if (scaler && state.scaler) scaler.state = state.scaler;
  layers.forEach((layer, i) => {
    layer.calls = state.dropoutCalls[i];
  });
  adoptVerdicts(state.verdicts);
  const { epoch, batch, sums } = state;
  return { epoch, batch, sums: { ...sums } };
}

/** All weights with the names that they have in every process: tfjs numbers those of a second model. */
function namedWeights(model: tf.LayersModel): { name: string; variable: tf.Variable }[] {
  checkModel(model);
  return model.weights.map((weight) => {
    const { originalName, val } = weight as unknown as { originalName: string; val: tf.Variable };
    return { name: originalName, variable: val };
  });
}

function dropouts(model: tf.LayersModel): Dropout[] {
  return model.layers.filter((layer): layer is Dropout => layer.getClassName() === 'Dropout');
}

/** SHA-256 of the images and labels of a set. */
export function digest({ pixels, labels }: ImageSet): string {
  return createHash('sha256').update(pixels).update(labels).digest('hex');
}

/** SHA-256 of all weights of a model, in the order of its layers, as float32, little-endian. */
export function weightsSha256(model: tf.LayersModel): string {
  const hash = createHash('sha256');
  for (const { variable } of namedWeights(model)) {
    const values = variable.dataSync() as Float32Array;
    hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  return hash.digest('hex');
}

/** The tfjs variables behind a model's trainable weights, in the order of its layers. */
export function trainableVariables(model: tf.LayersModel): tf.Variable[] {
  checkModel(model);
  // A LayerVariable keeps its tf.Variable in a field that its type hides.
  return model.trainableWeights.map((weight) => (weight as unknown as { val: tf.Variable }).val);
}
