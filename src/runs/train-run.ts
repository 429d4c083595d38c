/** Training in a run folder: checkpoints on the way, the run's files after each epoch, and resuming. */
import fs from 'node:fs';
import path from 'node:path';
import { objectOf, optional } from '../checks';
import type { ImageSet } from '../data/index';
import { InputError } from '../errors';
import { evaluate } from '../evaluate/index';
import { hashOf, lockFolder, makeFolder, readJson, writeJson } from '../files';
import { checkFits, inputSizeOf } from '../model/index';
import type { ProgressListener } from '../progress';
import { withDefaults } from '../settings';
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
import { checkMemory } from './memory';
import { checkNewRun, writeRun } from './run';
import {
  checkChanges,
  RUN_SETTINGS,
  type RunSettings,
  runSettings,
  type SettingName,
} from './settings';
import { loadState, saveState, trainState } from './state';

/** What a run records of itself; the rest follows from the model and the sets. */
type GivenSettings = Omit<RunSettings, 'data' | 'trainImages' | 'validationImages' | 'inputSize'>;

export interface RunOptions
  extends Partial<GivenSettings>,
    Pick<TrainCallbacks, 'onStep' | 'onEpoch'> {
  /** Evaluated after each epoch; never trained on. */
  validation?: ImageSet;
  /** Of training and validation. */
  onProgress?: ProgressListener;
  /**
   * `if-unfinished` continues an unfinished run and replaces a finished one; `yes` requires an unfinished run;
   * `no` requires a folder without a run.
   */
  resume?: 'if-unfinished' | 'yes' | 'no';
  /** The settings that are meant to differ from those the run was started with. */
  changes?: readonly SettingName[];
  /** Writes a checkpoint this often, besides at the end of each epoch and when interrupted. */
  checkpointMinutes?: number;
  checkpointSteps?: number;
  /** The signals that stop the training after the current step. */
  signals?: readonly NodeJS.Signals[];
  /** Pass false to train even if memory looks insufficient. */
  memoryCheck?: boolean;
  /** Called when all checks have passed. */
  onStart?: () => void;
  /** Receives messages for people, one line at a time. */
  say?: (line: string) => void;
}

const checkpointFolder = (folder: string) => path.join(folder, 'checkpoints');
const unfinishedFile = (folder: string) => path.join(checkpointFolder(folder), 'run.json');

/** The settings of the unfinished run in `folder`, if there is one. */
export function readUnfinished(folder: string): RunSettings | undefined {
  const file = unfinishedFile(folder);
  if (!fs.existsSync(file)) return undefined;
  // Version 0.1 kept some of the settings apart, as `notes`.
  const { settings, notes } = readJson(
    file,
    objectOf({ settings: objectOf({}), notes: optional(objectOf({})) }),
  );
  const all = { inputSize: RUN_SETTINGS.inputSize.default, ...notes, ...settings };
  const problem = runSettings.problem(all, 'settings');
  if (problem) throw new InputError(`${file}: damaged: ${problem}`);
  return all as RunSettings;
}

/**
 * Trains `model` as `train` does and keeps the run in `folder`. If it is interrupted or killed, the same call,
 * here or in another process, continues from the last checkpoint to the same result, bit for bit.
 *
 * Throws InputError if another training uses the folder, if settings differ from the run's without being named
 * in `changes`, if memory is insufficient, and if the loss is not finite.
 */
export async function trainRun(
  folder: string,
  model: tf.LayersModel,
  set: ImageSet,
  options: RunOptions = {},
): Promise<History> {
  const { resume = 'if-unfinished', changes = [], say = () => {} } = options;
  checkFits(model, set);
  const settings: RunSettings = {
    ...withDefaults(RUN_SETTINGS, {
      ...options,
      data: set.name,
      trainImages: set.length,
      validationImages: options.validation?.length ?? 0,
      inputSize: inputSizeOf(model),
    }),
    initialisation: options.initialisation, // the model does not tell: no default
  };
  if (options.memoryCheck ?? true) checkMemory(model, settings.batchSize);
  if (resume === 'no') checkNewRun(folder);
  else makeFolder(folder);
  const unlock = lockFolder(folder, 'is training there now. Choose another folder, or wait');
  const training = newTraining(model, settings);
  try {
    const dataSha256 = hashOf('sha256', set.pixels, set.labels);
    const unfinished = resume === 'no' ? undefined : readUnfinished(folder);
    if (unfinished) {
      checkChanges(folder, unfinished, settings, changes);
      const from = readCheckpoint(checkpointFolder(folder), trainState, (damage) =>
        say(`Not used: ${damage}`),
      );
      if (from) loadState(training, from, dataSha256);
      say(
        from
          ? `Continuing ${folder} after step ${training.history.steps.length}, in epoch ${training.epoch}`
          : `${folder} has no checkpoint yet: starting over`,
      );
    } else if (resume === 'yes') {
      throw new InputError(`${folder}: no unfinished run there: nothing to continue`);
    } else {
      removeCheckpoints(folder);
    }
    writeJson(unfinishedFile(folder), { settings });
    options.onStart?.();
    const checkpoints = new Checkpointer(folder, training, settings, dataSha256, options);
    const history = await interruptible(
      (signal) =>
        continueTraining(training, set, {
          signal,
          validate: async () => {
            if (!options.validation) return undefined;
            const { batchSize, precision } = settings;
            const { onProgress } = options;
            const how = { batchSize, precision, onProgress, label: 'Validating', signal };
            const measured = await evaluate(model, options.validation, how);
            if (!signal.aborted) return measured;
            checkpoints.write();
            return undefined;
          },
          onStep: async () => {
            options.onProgress?.(stepProgress(training));
            await options.onStep?.(training);
            if (signal.aborted || checkpoints.isDue()) checkpoints.write();
          },
          onEpoch: async (record) => {
            await writeRun(folder, model, settings, training.history);
            await options.onEpoch?.(record, training);
            const isOver = training.history.interrupted || training.epoch > settings.epochs;
            if (!isOver) checkpoints.write();
          },
        }),
      options.signals,
    );
    if (!history.interrupted) removeCheckpoints(folder);
    return history;
  } catch (error) {
    throw error instanceof DivergedError ? withCheckpoint(error, folder) : error;
  } finally {
    training.optimizer.dispose();
    unlock();
  }
}

/** Decides when to write a checkpoint, and writes it. */
class Checkpointer {
  private last: { time: number; step: number };

  constructor(
    private readonly folder: string,
    private readonly training: Training,
    private readonly settings: RunSettings,
    private readonly dataSha256: string,
    private readonly every: Pick<RunOptions, 'checkpointMinutes' | 'checkpointSteps'>,
  ) {
    this.last = { time: performance.now(), step: this.step };
  }

  isDue(): boolean {
    const { checkpointMinutes = 5, checkpointSteps = Number.POSITIVE_INFINITY } = this.every;
    return (
      this.step - this.last.step >= checkpointSteps ||
      performance.now() - this.last.time >= 60_000 * checkpointMinutes
    );
  }

  write(): void {
    const { folder, training, settings, dataSha256, step } = this;
    writeCheckpoint(checkpointFolder(folder), step, saveState(training, settings, dataSha256));
    this.last = { time: performance.now(), step };
  }

  private get step(): number {
    return this.training.history.steps.length;
  }
}

function removeCheckpoints(folder: string): void {
  fs.rmSync(checkpointFolder(folder), { recursive: true, force: true });
}

function withCheckpoint(error: DivergedError, folder: string): DivergedError {
  const [newest] = checkpointFiles(checkpointFolder(folder));
  const where = newest
    ? `the last good checkpoint is ${path.join(checkpointFolder(folder), newest)}`
    : 'there is no checkpoint yet';
  return new DivergedError(`${error.message}; ${where}`);
}
