/** Trains in a run folder: writes checkpoints, writes the run's files after each epoch, and resumes. */
import fs from 'node:fs';
import path from 'node:path';
import { objectOf } from '../checks';
import { epochBatches, gatherPixels, HALF, type ImageSet, type Normalisation } from '../data/index';
import { InputError } from '../errors';
import {
  bytesOf,
  hashOfParts,
  lockFolder,
  makeFolder,
  readJson,
  removeTemporary,
  writeJson,
} from '../files';
import { featuresOf, freezeFeatures, splitAtClassifier, unfreeze } from '../fine-tune/index';
import { availableMemory } from '../memory';
import { checkFits, describe, inputSizeOf, normalisationOf } from '../model/index';
import type { ProgressListener } from '../progress';
import { withDefaults } from '../settings';
import { saveModel } from '../storage/index';
import type { tf } from '../tf/index';
import {
  continueTraining,
  DivergedError,
  type History,
  newTraining,
  stepProgress,
  type TrainCallbacks,
  type Training,
} from '../train/index';
import { checkpointFiles, readCheckpoint, writeCheckpoint } from './checkpoint';
import { interruptible } from './interrupt';
import { lossOfGuessing, lossWarning } from './loss-warning';
import { checkMemory, deviceMemory } from './memory';
import {
  bestEpoch,
  checkNewRun,
  isFinished,
  nextFolder,
  replaceByNext,
  unfinishedFile,
  writeRun,
} from './run';
import {
  checkChanges,
  fixedSettings,
  RUN_SETTINGS,
  type RunSettings,
  type SettingName,
  settingsIn,
} from './settings';
import {
  agree,
  checkSameWeights,
  checkWorkers,
  commonSignal,
  evaluateTogether,
  type Group,
  shareCheckpoint,
} from './shared';
import { loadState, saveState, trainState, weightsSha256 } from './state';
import { TensorBoardLog } from './tensorboard';

/** How often a checkpoint is written by default. */
export const CHECKPOINT_MINUTES = 5;

/** The settings that do not follow from the model and the image sets. */
type GivenSettings = Omit<RunSettings, 'data' | 'trainImages' | 'validationImages' | 'inputSize'>;

export interface RunOptions
  extends Partial<GivenSettings>,
    Pick<TrainCallbacks, 'onStep' | 'onEpoch'> {
  /** Evaluated after each epoch; never trained on. */
  validation?: ImageSet;
  /** Progress of training and validation. */
  onProgress?: ProgressListener;
  /**
   * `if-unfinished` continues an unfinished run and replaces a finished one; `yes` requires an unfinished run;
   * `no` requires a folder without a run.
   */
  resume?: 'if-unfinished' | 'yes' | 'no';
  /** The settings that may differ from those the run was started with. */
  changes?: readonly SettingName[];
  /** Minutes between checkpoints; `CHECKPOINT_MINUTES` by default. */
  checkpointMinutes?: number;
  /** Also writes a checkpoint after this many steps. */
  checkpointSteps?: number;
  /** The signals that stop training after the current step; SIGINT by default. */
  signals?: readonly NodeJS.Signals[];
  /** Pass false to train even if memory looks insufficient. */
  memoryCheck?: boolean;
  /** Called when all checks have passed. */
  onStart?: () => void;
  /** Receives messages for the user, one line at a time. */
  say?: (line: string) => void;
  /** The processes that train together, if there are several. Only worker 0 uses the run folder. */
  group?: Group;
}

const checkpointFolder = (folder: string) => path.join(folder, 'checkpoints');

/** The settings of the unfinished run in `folder`, or undefined if there is none. */
export function readUnfinished(folder: string): RunSettings | undefined {
  const file = unfinishedFile(placeToTrain(folder));
  if (!fs.existsSync(file)) return undefined;
  return settingsIn(file, readJson(file, objectOf({ settings: objectOf({}) })).settings);
}

/**
 * Where training writes: in `folder`, or in `folder/next` while `folder` has a finished run, which is kept until the new
 * one has finished too.
 */
function placeToTrain(folder: string): string {
  return isFinished(folder) ? nextFolder(folder) : folder;
}

/**
 * Trains `model` as `train` does, and keeps the run in `folder`. If it is interrupted or killed, call it again with
 * the same arguments, in this or another process: it continues from the last checkpoint and ends with the same
 * weights, bit for bit.
 *
 * Checkpoints are written to `<folder>/checkpoints/`, and only the newest is kept:
 * - after a step, if `checkpointMinutes` (default 5) have passed or `checkpointSteps` steps (default: no limit) have
 *   run since the last one;
 * - at the end of each epoch except the last;
 * - when one of `signals` stops the run: SIGINT (Ctrl-C, Jupyter's stop button), and on the command line SIGTERM too.
 *
 * With `keep: 'best'`, `best/` has the weights of the epoch with the lowest validation loss; with `patience`, training
 * stops when that epoch is long ago; with `tensorboard`, `tensorboard/` has what TensorBoard shows.
 *
 * After the last epoch none is written. `checkpoints/` is deleted, and `model/` in the run folder has the weights.
 * A finished run that is already in the folder is replaced only now.
 * Plain `train` writes no checkpoints at all.
 *
 * Throws InputError if another process trains in the folder, if settings differ from the run's and are not named in
 * `changes`, if memory is insufficient, or if a file cannot be written; DivergedError if the loss is not finite.
 */
export async function trainRun(
  folder: string,
  model: tf.LayersModel,
  set: ImageSet,
  options: RunOptions = {},
): Promise<History> {
  const { validation, onProgress, resume = 'if-unfinished', group } = options;
  checkFits(model, set);
  const settings: RunSettings = {
    ...withDefaults(RUN_SETTINGS, {
      ...options,
      data: set.name,
      trainImages: set.length,
      validationImages: validation?.length ?? 0,
      inputSize: inputSizeOf(model),
    }),
    // Unknown if not given: the default may be wrong for this model.
    initialisation: options.initialisation,
    network: options.network,
  };
  if (!validation && (settings.keep === 'best' || settings.patience !== null)) {
    throw new InputError('keep best and patience compare the validation loss: keep images for it');
  }
  describe(model, { classNames: [...set.classNames] });
  const cleanUps: (() => void)[] = [];
  try {
    if (settings.freeze) cleanUps.push(() => unfreeze(model));
    const { trained, features } = partsOf(model, settings, set.length, options);
    if (trained !== model) cleanUps.push(() => trained.dispose());
    if (options.memoryCheck ?? true) {
      const { count, here } = group ?? { count: 1, here: 1 };
      const images = Math.min(settings.batchSize, set.length);
      checkMemory(trained, Math.ceil(images / count), deviceMemory() / here);
    }
    if (group) checkWorkers(group.count, settings.batchSize);
    const isWriter = !group || group.index === 0;
    if (isWriter) cleanUps.push(openFolder(folder, resume));
    const training = newTraining(trained, settings, group);
    cleanUps.push(() => training.optimizer.dispose());
    const place = placeToTrain(folder);
    // Before features, which take time.
    const unfinished = isWriter && runToContinue(place, settings, options);
    const prepared = async (images: ImageSet) => {
      const { precision } = settings;
      return features
        ? await featuresOf(features, model, images, { precision, onProgress })
        : images;
    };
    const trainSet = await prepared(set);
    const validationSet = validation && (await prepared(validation));
    const sha256 = (images: ImageSet) =>
      hashOfParts('sha256', bytesIn(images, normalisationOf(model)));
    const dataSha256 = sha256(trainSet);
    if (group) {
      const data = {
        images: sha256(set),
        'validation images': validation ? sha256(validation) : null,
      };
      agree(group, 'run', { ...fixedSettings(settings), ...data });
    }
    const found = unfinished ? lastCheckpoint(place, options) : undefined;
    const start = group
      ? shareCheckpoint(
          group,
          isWriter ? (found ?? saveState(training, settings, dataSha256)) : undefined,
        )
      : found;
    // Worker 0 has compared the images. Frozen features differ a little from processor to processor.
    if (start) loadState(training, start, isWriter ? dataSha256 : start.state.dataSha256);
    if (training.history.steps.length > 0) {
      const steps = training.history.steps.length;
      options.say?.(`Continuing ${place} after step ${steps}, in epoch ${training.epoch}`);
    }
    if (isWriter && !unfinished) removeCheckpoints(place); // of a run that is replaced
    if (isWriter) writeJson(unfinishedFile(place), { settings });
    options.onStart?.();
    const log =
      isWriter && settings.tensorboard
        ? new TensorBoardLog(path.join(place, 'tensorboard'), training)
        : undefined;
    const stopEarly = ({ epochs }: History) =>
      settings.patience !== null &&
      epochs.length - (bestEpoch(epochs)?.epoch ?? 0) >= settings.patience;
    const checkpoint = checkpointer(training, options, (step) => {
      if (!isWriter) return;
      writeCheckpoint(checkpointFolder(place), step, saveState(training, settings, dataSha256));
    });
    const history = await interruptible((interrupt) => {
      const { signal, agreeToStop } = commonSignal(interrupt, group);
      return continueTraining(training, trainSet, {
        signal,
        stopEarly,
        validate: async () => {
          if (!validationSet) return undefined;
          const { precision } = settings;
          // Larger batches are faster. Without a backward pass, four times the images raise peak memory by a tenth at most.
          const batchSize = Math.min(128, 4 * settings.batchSize);
          const how = { batchSize, precision, onProgress, label: 'Validating', signal };
          const measured = await evaluateTogether(trained, validationSet, how, group);
          agreeToStop();
          if (!signal.aborted) return measured;
          checkpoint('now');
          return undefined;
        },
        onStep: async () => {
          agreeToStop();
          log?.addStep(training);
          onProgress?.(stepProgress(training));
          await options.onStep?.(training);
          checkpoint(signal.aborted ? 'now' : 'if due');
        },
        onEpoch: async (record, _training, isLast) => {
          const best = bestEpoch(training.history.epochs);
          log?.addEpoch(record, model);
          if (group) checkSameWeights(group, record.epoch, weightsSha256(model));
          if (isWriter && settings.keep === 'best' && best === record) {
            await saveModel(model, path.join(place, 'best'));
          }
          if (isWriter) await writeRun(place, model, settings, training.history);
          await options.onEpoch?.(record, training, isLast);
          const warning = lossWarning(training.history, lossOfGuessing(set.labels));
          if (warning) options.say?.(`warning: ${warning}`);
          if (!isLast) checkpoint('now');
        },
      });
    }, options.signals);
    if (history.interrupted) options.say?.(stopMessage(training, folder, place));
    else if (isWriter) removeCheckpoints(place);
    if (!history.interrupted && training.epoch <= settings.epochs) {
      options.say?.(`Stopped early: ${settings.patience} epochs without a lower validation loss`);
    }
    if (isWriter) replaceByNext(folder);
    return history;
  } catch (error) {
    throw error instanceof DivergedError ? withCheckpoint(error, placeToTrain(folder)) : error;
  } finally {
    for (const cleanUp of cleanUps.reverse()) cleanUp();
  }
}

/** Makes `folder` ready for a run, and locks it. Returns a function that releases the lock. */
function openFolder(folder: string, resume: RunOptions['resume']): () => void {
  if (resume === 'no') checkNewRun(folder);
  else makeFolder(folder);
  const unlock = lockFolder(folder, 'is training there now. Choose another folder, or wait');
  try {
    replaceByNext(folder); // if a process was killed just then
    const place = placeToTrain(folder);
    makeFolder(place);
    removeTemporary(place);
    return unlock;
  } catch (error) {
    unlock();
    throw error;
  }
}

/**
 * What is trained: the whole model; or with frozen features the classifier only, on features that are computed once,
 * unless augmentation or dropout vary them.
 * Throws InputError if there is not enough memory for the features.
 */
function partsOf(
  model: tf.LayersModel,
  { freeze, augment }: RunSettings,
  images: number,
  { validation }: RunOptions,
): { trained: tf.LayersModel; features?: tf.LayersModel } {
  if (freeze === null) return { trained: model };
  freezeFeatures(model);
  const halves = augment ? undefined : splitAtClassifier(model);
  if (!halves) return { trained: model };
  const { classifier, features } = halves;
  const size = features.outputs[0].shape.reduce<number>((a, b) => a * (b ?? 1), 4);
  const bytes = size * (images + (validation?.length ?? 0));
  if (bytes > availableMemory() / 2) {
    const gb = (count: number) => (count / 1e9).toFixed(1);
    throw new InputError(
      `the frozen features of all images take ${gb(bytes)} GB, more than half of the ${gb(availableMemory())} GB that ` +
        'are free: use fewer images, or --augment, which computes them in each step',
    );
  }
  return { trained: classifier, features };
}

/** What a network is trained on: pixels or features, labels, and the normalisation if it is not the usual one. */
function* bytesIn(set: ImageSet, normalisation: Normalisation): Iterable<Uint8Array> {
  if (set.features) yield bytesOf(set.features);
  const how = JSON.stringify(normalisation);
  if (how !== JSON.stringify(HALF)) yield Buffer.from(how);
  yield set.pixels;
  if (set.readImage) {
    for (const indices of epochBatches(set.length, 128)) yield gatherPixels(set, indices);
  }
  yield bytesOf(set.labels);
}

/** The settings of the unfinished run in `folder`, if there is one to continue. Throws InputError if they differ. */
function runToContinue(
  folder: string,
  settings: RunSettings,
  { resume, changes = [] }: RunOptions,
): RunSettings | undefined {
  const unfinished = resume === 'no' ? undefined : readUnfinished(folder);
  if (!unfinished && resume === 'yes') {
    throw new InputError(`${folder}: no unfinished run there: nothing to continue`);
  }
  if (unfinished) checkChanges(folder, unfinished, settings, changes);
  return unfinished;
}

/** The last checkpoint of an unfinished run. */
function lastCheckpoint(folder: string, { say = () => {} }: RunOptions) {
  const found = readCheckpoint(checkpointFolder(folder), trainState, (damage) =>
    say(`Not used: ${damage}`),
  );
  if (!found) say(`${folder} has no checkpoint yet: starting over`);
  return found;
}

/** Returns a function that calls `write` with the number of steps so far. */
function checkpointer(
  { history }: Training,
  {
    checkpointMinutes = CHECKPOINT_MINUTES,
    checkpointSteps = Number.POSITIVE_INFINITY,
  }: RunOptions,
  write: (step: number) => void,
): (when: 'now' | 'if due') => void {
  let [time, step] = [performance.now(), history.steps.length];
  return (when) => {
    const isDue =
      history.steps.length - step >= checkpointSteps ||
      performance.now() - time >= 60_000 * checkpointMinutes;
    if (when === 'if due' && !isDue) return;
    write(history.steps.length);
    [time, step] = [performance.now(), history.steps.length];
  };
}

function removeCheckpoints(folder: string): void {
  fs.rmSync(checkpointFolder(folder), { recursive: true, force: true });
}

function stopMessage(
  { history, batches, settings }: Training,
  folder: string,
  place: string,
): string {
  const steps = settings.epochs * Math.ceil(batches / settings.accumulationSteps);
  const kept = place === folder ? '' : ` The finished run in ${folder} is kept until then.`;
  return `Stopped after step ${history.steps.length} of ${steps}. Progress is saved: run this again to continue.${kept}`;
}

function withCheckpoint(error: DivergedError, folder: string): DivergedError {
  const [newest] = checkpointFiles(checkpointFolder(folder));
  const where = newest
    ? `the last good checkpoint is ${path.join(checkpointFolder(folder), newest)}`
    : 'there is no checkpoint yet';
  return new DivergedError(`${error.message}; ${where}`);
}
