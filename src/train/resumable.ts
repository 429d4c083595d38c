/** A training in a run folder that loses nothing: checkpoints on the way, and the run at each epoch's end. */
import fs from 'node:fs';
import path from 'node:path';
import type { ImageSet } from '../data/index';
import { checkObject, checkText, InputError, messageOf } from '../errors';
import type { tf } from '../tf/index';
import {
  type Checkpoint,
  checkpointFiles,
  readCheckpoint,
  removeCheckpoints,
  writeCheckpoint,
} from './checkpoint';
import { lockFolder } from './lock';
import { checkMemory } from './memory';
import { checkNewRun, makeFolder, readJson, SETTINGS_FORM, writeJson, writeRun } from './run';
import type { TrainState } from './state';
import {
  DivergedError,
  type History,
  type TrainOptions,
  type TrainSettings,
  train,
  trainSettings,
} from './trainer';
import { checkFits } from './validate';

/** Settings that may differ when a training is continued. */
export const CHANGEABLE = [
  'epochs',
  'learningRate',
  'schedule',
  'weightDecay',
  'precision',
  'validationImages',
] as const satisfies readonly (keyof TrainSettings)[];
export type Changeable = (typeof CHANGEABLE)[number];

export interface RunOptions extends Omit<TrainOptions, 'from' | 'onUpdate'> {
  /**
   * Whether to continue what the folder holds: `if-unfinished` begins anew in the place of a run that has
   * ended, `yes` wants one that has not, `no` wants a folder without a run.
   */
  resume?: 'if-unfinished' | 'yes' | 'no';
  /** Which settings are meant to differ from those that the run began with. */
  changes?: readonly Changeable[];
  /** A checkpoint is written at the end of each epoch, when interrupted, and after so many minutes … */
  checkpointMinutes?: number;
  /** … or so many updates. */
  checkpointSteps?: number;
  /** What `train` cannot know and config.json is to hold. */
  notes?: Record<string, unknown>;
  /** False trains even where it looks as if the memory will not do. */
  memoryCheck?: boolean;
  /** Called when nothing stands in the way any more. */
  onStart?: () => void;
  /** What there is to tell, a line at a time. */
  say?: (line: string) => void;
}

/** An unfinished run: what it was told to do, and what it noted. */
export interface Unfinished {
  settings: TrainSettings;
  notes: Record<string, unknown>;
}

const checkpointFolder = (folder: string) => path.join(folder, 'checkpoints');
const unfinishedFile = (folder: string) => path.join(checkpointFolder(folder), 'run.json');

/** The run in `folder` that has not ended, if there is one. */
export function readUnfinished(folder: string): Unfinished | undefined {
  checkText('run folder', folder);
  const file = unfinishedFile(folder);
  return fs.existsSync(file)
    ? readJson<Unfinished>(file, { settings: SETTINGS_FORM, notes: {} })
    : undefined;
}

/**
 * Trains `model` as `train` does and keeps the run in `folder`. When it is interrupted or killed, the same
 * call, here or in another process, goes on from the last checkpoint to the same result, bit for bit.
 *
 * Throws InputError when another training has the folder, when the settings are others than the run's and not
 * named in `changes`, when the memory will not do, and when the loss is not finite.
 */
export async function trainRun(
  folder: string,
  model: tf.LayersModel,
  set: ImageSet,
  options: RunOptions = {},
): Promise<History> {
  checkObject('options', options);
  const { resume = 'if-unfinished', changes = [], notes = {}, say = () => {} } = options;
  checkText('run folder', folder);
  checkFits(model, set);
  const settings = trainSettings(set, options);
  if (options.memoryCheck ?? true) checkMemory(model, settings.batchSize);
  if (resume === 'no') checkNewRun(folder);
  else makeFolder(folder);
  const unlock = lockFolder(folder);
  try {
    const unfinished = resume === 'no' ? undefined : readUnfinished(folder);
    if (resume === 'yes' && !unfinished) {
      throw new InputError(`${folder}: no unfinished run there: nothing to continue`);
    }
    const checkpoints = checkpointFolder(folder);
    let from: Checkpoint<TrainState> | undefined;
    if (unfinished) {
      checkChanges(folder, unfinished.settings, settings, changes);
      from = readCheckpoint<TrainState>(checkpoints, (damage) => say(`Not used: ${damage}`));
      say(
        from
          ? `Continuing ${folder} after step ${from.state.steps.length}, in epoch ${from.state.epoch}`
          : `${folder} has no checkpoint yet: beginning again`,
      );
    } else {
      removeCheckpoints(checkpoints);
    }
    writeJson(unfinishedFile(folder), { settings, notes: { ...unfinished?.notes, ...notes } });
    options.onStart?.();
    const history = await train(model, set, {
      ...options,
      from,
      onUpdate: checkpointing(checkpoints, options),
      onEpoch: async (record, sofar) => {
        await writeRun(folder, model, sofar, { ...unfinished?.notes, ...notes });
        await options.onEpoch?.(record, sofar);
      },
    });
    if (!history.interrupted) removeCheckpoints(checkpoints);
    return history;
  } catch (error) {
    throw error instanceof DivergedError ? withCheckpoint(error, folder) : error;
  } finally {
    unlock();
  }
}

function checkpointing(folder: string, options: RunOptions): TrainOptions['onUpdate'] {
  const { checkpointMinutes = 5, checkpointSteps = Number.POSITIVE_INFINITY } = options;
  let last = { time: performance.now(), step: undefined as number | undefined };
  return ({ step, epochEnded, interrupted, snapshot }) => {
    last.step ??= step - 1;
    const due =
      epochEnded ||
      interrupted ||
      step - last.step >= checkpointSteps ||
      performance.now() - last.time >= 60_000 * checkpointMinutes;
    if (!due) return;
    writeCheckpoint(folder, step, snapshot());
    last = { time: performance.now(), step };
  };
}

function checkChanges(
  folder: string,
  before: TrainSettings,
  now: TrainSettings,
  meant: readonly Changeable[],
): void {
  const keys = Object.keys(now) as (keyof TrainSettings)[];
  const differing = keys.filter((key) => before[key] !== now[key]);
  const isMeant = (key: keyof TrainSettings) => (meant as readonly string[]).includes(key);
  const open = differing.filter((key) => !isMeant(key));
  if (open.length === 0) return;
  const list = open.map((key) => `${key} ${before[key]} → ${now[key]}`).join(', ');
  const fixed = open.filter((key) => !(CHANGEABLE as readonly string[]).includes(key));
  throw new InputError(
    `${folder}: the run there began with other settings: ${list}. ` +
      (fixed.length > 0
        ? `${fixed.join(', ')} cannot change in the middle of a run: take another folder, or delete this one`
        : `If that is meant, name it as a change (--change ${open.join(' ')}); else give the settings that it had`),
  );
}

function withCheckpoint(error: DivergedError, folder: string): DivergedError {
  const [newest] = checkpointFiles(checkpointFolder(folder));
  const where = newest
    ? `the last good checkpoint is ${path.join(checkpointFolder(folder), newest)}`
    : 'there is no checkpoint yet';
  return new DivergedError(`${messageOf(error)}; ${where}`);
}
