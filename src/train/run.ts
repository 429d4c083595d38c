/**
 * A run folder: `config.json` (what was asked for), `history.json` (one record an epoch),
 * `steps.json` (one record an update), `model/`, and after an evaluation `test.json`.
 */
import fs from 'node:fs';
import path from 'node:path';
import { InputError, messageOf } from '../errors';
import { inputSizeOf, saveModel } from '../model/index';
import type { tf } from '../tf/index';
import type { EpochRecord, History, StepRecord, TrainSettings } from './trainer';

/** What a run was told to do, and on what network; whatever else the caller noted may stand beside it. */
export interface RunConfig extends TrainSettings {
  inputSize: number;
  interrupted: boolean;
  [note: string]: unknown;
}

export interface Run {
  folder: string;
  config: RunConfig;
  history: EpochRecord[];
  steps: StepRecord[];
}

/**
 * Throws InputError when `folder` holds a run already, is a file, or cannot be written: better before the
 * training than after.
 */
export function checkNewRun(folder: string): void {
  const holds = (name: string) => fs.existsSync(path.join(folder, name));
  if (holds('checkpoints')) {
    throw new InputError(
      `${folder}: holds an unfinished run. Continue it with --resume, or delete it`,
    );
  }
  if (holds('config.json') || holds('model')) {
    throw new InputError(`${folder}: holds a run already. Name another with --run, or delete it`);
  }
  makeFolder(folder);
}

/** Throws InputError when `folder` is a file or cannot be written. It is made if it is not there. */
export function makeFolder(folder: string): void {
  if (fs.existsSync(folder) && !fs.statSync(folder).isDirectory()) {
    throw new InputError(`${folder}: is a file, want a folder`);
  }
  try {
    fs.mkdirSync(folder, { recursive: true });
    fs.accessSync(folder, fs.constants.W_OK);
  } catch (error) {
    throw new InputError(`${folder}: cannot be written: ${messageOf(error)}`);
  }
}

/**
 * Writes a run, replacing one that is there. `notes` are added to the configuration: what `train` cannot
 * know, as the initial weights or where the data came from.
 */
export async function writeRun(
  folder: string,
  model: tf.LayersModel,
  history: History,
  notes: Record<string, unknown> = {},
): Promise<void> {
  const { settings, interrupted } = history;
  const config: RunConfig = { ...settings, inputSize: inputSizeOf(model), interrupted, ...notes };
  await saveModel(model, path.join(folder, 'model'));
  fs.rmSync(path.join(folder, 'test.json'), { force: true }); // it spoke of another model
  writeJson(path.join(folder, 'history.json'), history.epochs);
  writeJson(path.join(folder, 'steps.json'), history.steps);
  writeJson(path.join(folder, 'config.json'), config);
}

/** Reads what `writeRun` wrote, without the model. Throws InputError when it is not there. */
export function readRun(folder: string): Run {
  if (!fs.existsSync(path.join(folder, 'config.json'))) {
    throw new InputError(
      `${folder}: no run there yet. Run the notebook 03-train first (or 'npm run train -- --run ${folder}')`,
    );
  }
  return {
    folder,
    config: readJson(path.join(folder, 'config.json')),
    history: readJson(path.join(folder, 'history.json')),
    steps: readJson(path.join(folder, 'steps.json')),
  };
}

/** Writes a value as JSON: to a temporary name first, then renamed. */
export function writeJson(file: string, value: unknown): void {
  const temporary = `${file}.${process.pid}.tmp`;
  try {
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(temporary, `${JSON.stringify(value, null, 2)}\n`);
    fs.renameSync(temporary, file);
  } catch (error) {
    if (fs.existsSync(temporary)) fs.rmSync(temporary, { force: true });
    throw new InputError(`${file}: cannot be written: ${messageOf(error)}`);
  }
}

export function readJson<T>(file: string): T {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8')) as T;
  } catch (error) {
    throw new InputError(`${file}: cannot be read: ${messageOf(error)}`);
  }
}
