/**
 * A run folder: `config.json` (the settings), `history.json` (one record per epoch), `steps.json` (one record
 * per step), `model/`, and after an evaluation `test.json`.
 */
import fs from 'node:fs';
import path from 'node:path';
import { boolean, listOf, objectOf } from '../checks';
import { InputError } from '../errors';
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
import { type RunSettings, runSettings } from './settings';

type RunConfig = RunSettings & { interrupted: boolean };

export interface Run {
  folder: string;
  config: RunConfig;
  history: EpochRecord[];
  steps: StepRecord[];
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

/** Reads a run without its model. Throws InputError if there is none, or if it is damaged. */
export function readRun(folder: string): Run {
  const config = path.join(folder, 'config.json');
  if (!fs.existsSync(config)) {
    throw new InputError(
      `${folder}: no run there yet. Run the notebook 03-train first (or 'npm run train -- --run ${folder}')`,
    );
  }
  const { interrupted } = readJson(config, objectOf({ interrupted: boolean }));
  return {
    folder,
    config: { ...readJson(config, runSettings), interrupted },
    history: readJson(path.join(folder, 'history.json'), listOf(epochRecord)),
    steps: readJson(path.join(folder, 'steps.json'), listOf(stepRecord)),
  };
}
