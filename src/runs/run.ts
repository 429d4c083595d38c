/**
 * A run folder: `config.json` (the settings), `history.json` (one record per epoch), `steps.json` (one record
 * per step), `model/`, and after `npm run evaluate` or notebook 5 `test.json`; on request `best/` (a model) and
 * `tensorboard/`. While training is unfinished, also `checkpoints/`. A new run beside a finished one is in `next/`.
 */
import fs from 'node:fs';
import path from 'node:path';
import { boolean, listOf, number, objectOf, optional, positiveInteger } from '../checks';
import { InputError } from '../errors';
import type { Evaluation } from '../evaluate/index';
import { makeFolder, readJson, writeJson } from '../files';
import { saveModel } from '../storage/index';
import type { tf } from '../tf/index';
import {
  type EpochRecord,
  epochRecord,
  type History,
  type StepRecord,
  stepRecord,
} from '../train/index';
import { type RunSettings, settingsIn } from './settings';

type RunConfig = RunSettings & { interrupted: boolean };

export interface Run {
  folder: string;
  config: RunConfig;
  history: EpochRecord[];
  steps: StepRecord[];
  /** The evaluation on the test set, if there has been one. */
  test?: { images: number; accuracy: number };
}

const FILES = ['best', 'tensorboard', 'model', 'history.json', 'steps.json', 'config.json'];

export const nextFolder = (folder: string) => path.join(folder, 'next');
/** Exists from the first to the last step of a run. */
export const unfinishedFile = (folder: string) => path.join(folder, 'checkpoints', 'run.json');

export function isFinished(folder: string): boolean {
  const config = path.join(folder, 'config.json');
  if (!fs.existsSync(config) || fs.existsSync(unfinishedFile(folder))) return false;
  return !readJson(config, objectOf({ interrupted: optional(boolean) })).interrupted;
}

/** If the run in `folder/next` has finished, puts it in place of the one in `folder`. */
export function replaceByNext(folder: string): void {
  const next = nextFolder(folder);
  if (!isFinished(next)) return;
  fs.rmSync(path.join(folder, 'test.json'), { force: true }); // the evaluation of the previous model
  // What the earlier run had, and the new one has not.
  const config = path.join(next, 'config.json');
  const { keep, tensorboard } = settingsIn(config, readJson(config, objectOf({})));
  if (keep === 'last') fs.rmSync(path.join(folder, 'best'), { recursive: true, force: true });
  if (!tensorboard) fs.rmSync(path.join(folder, 'tensorboard'), { recursive: true, force: true });
  // config.json is last: if this is cut off, the next call completes it.
  for (const name of FILES.filter((name) => fs.existsSync(path.join(next, name)))) {
    fs.rmSync(path.join(folder, name), { recursive: true, force: true });
    fs.renameSync(path.join(next, name), path.join(folder, name));
  }
  fs.rmSync(next, { recursive: true });
}

/** One sentence if the model in `folder` is that of a run that was interrupted, and how to finish it. */
export function interruption(folder: string): string | undefined {
  if (!fs.existsSync(path.join(folder, 'config.json')) || isFinished(folder)) return undefined;
  return `${folder}: this run was interrupted, so its network is not fully trained. To finish it, run the training again (npm run train -- --resume --run ${folder})`;
}

/** The epoch with the lowest validation loss, or undefined without validation. */
export function bestEpoch(epochs: readonly EpochRecord[]): EpochRecord | undefined {
  const measured = epochs.filter(({ valLoss }) => valLoss !== null);
  return measured.sort((a, b) => a.valLoss! - b.valLoss!)[0];
}

/** Creates `folder`. Throws InputError if it already holds a run, is a file, or cannot be written. */
export function checkNewRun(folder: string): void {
  const holds = (name: string) => fs.existsSync(path.join(folder, name));
  if (holds('checkpoints')) {
    throw new InputError(
      `${folder}: holds an unfinished run. Continue it with --resume, or delete it`,
    );
  }
  if (holds('config.json') || holds('model')) {
    throw new InputError(
      `${folder}: holds a run already. Choose another folder with --run, or delete it`,
    );
  }
  makeFolder(folder);
}

/** Writes a run, and replaces an older one in the same folder. */
export async function writeRun(
  folder: string,
  model: tf.LayersModel,
  settings: RunSettings,
  { epochs, steps, interrupted }: History,
): Promise<void> {
  const config: RunConfig = { ...settings, interrupted };
  await saveModel(model, path.join(folder, 'model'));
  fs.rmSync(path.join(folder, 'test.json'), { force: true }); // the evaluation of the previous model
  writeJson(path.join(folder, 'history.json'), epochs);
  writeJson(path.join(folder, 'steps.json'), steps);
  writeJson(path.join(folder, 'config.json'), config);
}

/** Stores the evaluation of a run on all its test images: `test.json`. */
export function writeTest(folder: string, evaluation: Evaluation): void {
  const { images, accuracy, loss, confusion } = evaluation;
  writeJson(path.join(folder, 'test.json'), { images, accuracy, loss, confusion });
}

/** Reads a run without its model. Throws InputError if there is none, or if it is damaged. */
export function readRun(folder: string): Run {
  const config = path.join(folder, 'config.json');
  if (!fs.existsSync(config)) {
    throw new InputError(
      `${folder}: no run there yet. To make one: the notebook 04-training, or npm run train -- --run ${folder}`,
    );
  }
  const test = path.join(folder, 'test.json');
  return {
    folder,
    config: {
      ...settingsIn(config, readJson(config, objectOf({}))),
      interrupted: !isFinished(folder),
    },
    history: readJson(path.join(folder, 'history.json'), listOf(epochRecord)),
    steps: readJson(path.join(folder, 'steps.json'), listOf(stepRecord)),
    test: fs.existsSync(test)
      ? readJson(test, objectOf({ images: positiveInteger, accuracy: number }))
      : undefined,
  };
}
