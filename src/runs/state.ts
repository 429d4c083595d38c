/** Converts a training run to a checkpoint and back, without loss. */
import {
  anything,
  type Checked,
  listOf,
  nullable,
  number,
  objectOf,
  positiveNumber,
  size,
  text,
} from '../checks';
import { InputError } from '../errors';
import { bytesOf, hashOfParts } from '../files';
import { countingLayers, namedWeights, trainableVariables } from '../model/index';
import { tf } from '../tf/index';
import { type AdamWState, epochRecord, stepRecord, type Training } from '../train/index';
import type { Checkpoint, LazyArray } from './checkpoint';

/** Everything except the weights and moments, which are the arrays of the checkpoint. */
export const trainState = objectOf({
  /** Only for people who open the file; `run.json` is what counts. */
  settings: anything,
  /** SHA-256 of the images and labels. */
  dataSha256: text,
  /** The current epoch, from 1, and how many of its batches are done. */
  epoch: number,
  batch: number,
  sums: objectOf({ loss: number, correct: number, images: number, seconds: number }),
  epochs: listOf(epochRecord),
  steps: listOf(stepRecord),
  optimizerSteps: number,
  scaler: nullable(objectOf({ scale: positiveNumber, growthTracker: size })),
  /** How many masks each dropout layer has drawn, and how many batches each batch normalisation has seen. */
  dropoutCalls: listOf(number),
});
type TrainState = Checked<typeof trainState>;

/** The checkpoint of `training`. Write it before the next step, which changes the arrays. */
export function saveState(
  training: Training,
  settings: unknown,
  dataSha256: string,
): Checkpoint<TrainState> {
  const { model, optimizer, scaler, epoch, batch, sums, history } = training;
  const { moments, steps } = optimizer.state;
  const arrays = namedWeights(model).flatMap(({ name, variable }): LazyArray[] => {
    const { size: length } = variable;
    const read = () => variable.dataSync() as Float32Array;
    const weights = { name: `weights/${name}`, length, read };
    const found = moments[variable.name]; // undefined before the first step
    if (!found) return [weights];
    const { first, second } = found;
    return [
      weights,
      { name: `first/${name}`, length, read: first },
      { name: `second/${name}`, length, read: second },
    ];
  });
  const state: TrainState = {
    settings,
    dataSha256,
    epoch,
    batch,
    sums,
    epochs: history.epochs,
    steps: history.steps,
    optimizerSteps: steps,
    scaler: scaler?.state ?? null,
    dropoutCalls: countingLayers(model).map(({ calls }) => calls),
  };
  return { state, arrays };
}

/** Throws InputError, and changes nothing, if the checkpoint belongs to another network or other data. */
export function loadState(
  training: Training,
  { state, arrays }: Checkpoint<TrainState>,
  dataSha256: string,
): void {
  const { model, optimizer, scaler, history } = training;
  if (state.dataSha256 !== dataSha256) {
    throw new InputError(
      'the checkpoint was trained on other images, labels, normalisation or frozen features than these',
    );
  }
  const found = new Map(arrays.map((array) => [array.name, array]));
  const weights = namedWeights(model);
  const counting = countingLayers(model);
  const odd = weights.find(
    ({ name, variable }) => found.get(`weights/${name}`)?.length !== variable.size,
  );
  const saved = arrays.filter(({ name }) => name.startsWith('weights/')).length;
  if (odd || saved !== weights.length || state.dropoutCalls.length !== counting.length) {
    throw new InputError(
      `the checkpoint belongs to another network${odd ? `: they differ in ${odd.name}` : ''}`,
    );
  }
  const moments: AdamWState['moments'] = {};
  for (const { name, variable } of weights) {
    const [first, second] = ['first', 'second'].map((moment) => found.get(`${moment}/${name}`));
    if (!first || !second) continue;
    moments[variable.name] = { length: first.length, first: first.read, second: second.read };
  }
  optimizer.loadState({ steps: state.optimizerSteps, moments }, trainableVariables(model));
  for (const { name, variable } of weights) {
    const values = found.get(`weights/${name}`)!.read();
    tf.tidy(() => variable.assign(tf.tensor(values, variable.shape)));
  }
  if (scaler && state.scaler) scaler.state = state.scaler;
  counting.forEach((layer, i) => {
    layer.calls = state.dropoutCalls[i];
  });
  history.epochs = state.epochs;
  history.steps = state.steps;
  Object.assign(training, { epoch: state.epoch, batch: state.batch, sums: state.sums });
}

/** The SHA-256 of all weights of a model in the order of its layers, as little-endian float32. */
export function weightsSha256(model: tf.LayersModel): string {
  function* parts() {
    for (const { variable } of namedWeights(model)) yield bytesOf(variable.dataSync());
  }
  return hashOfParts('sha256', parts());
}
