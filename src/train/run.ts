/**
 * A run folder: `config.json` (what was asked for), `history.json` (one record an epoch),
 * `steps.json` (one record an update), `model/`, and after an evaluation `test.json`.
 */
import fs from 'node:fs';
import path from 'node:path';
import { checkText, InputError, messageOf } from '../errors';
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
  checkText('run folder', folder);
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
  checkText('run folder', folder);
  if (!fs.existsSync(path.join(folder, 'config.json'))) {
    throw new InputError(
      `${folder}: no run there yet. Run the notebook 03-train first (or 'npm run train -- --run ${folder}')`,
    );
  }
  return {
    folder,
    config: readJson<RunConfig>(path.join(folder, 'config.json'), {
      ...SETTINGS_FORM,
      inputSize: 0,
      interrupted: false,
    }),
    history: readJson<EpochRecord[]>(path.join(folder, 'history.json'), [EPOCH_FORM]),
    steps: readJson<StepRecord[]>(path.join(folder, 'steps.json'), [STEP_FORM]),
  };
}

/** What the files hold, by example; null stands for a number that may be missing. */
export const SETTINGS_FORM = {
  data: '',
  trainImages: 0,
  validationImages: 0,
  epochs: 0,
  batchSize: 0,
  learningRate: 0,
  schedule: '',
  weightDecay: 0,
  accumulationSteps: 0,
  precision: '',
  seed: 0,
} satisfies Record<keyof TrainSettings, unknown>;

const EPOCH_FORM = {
  epoch: 0,
  steps: 0,
  trainLoss: 0,
  trainAccuracy: 0,
  valLoss: null,
  valAccuracy: null,
  seconds: 0,
  imagesPerSecond: 0,
} satisfies Record<keyof EpochRecord, unknown>;

const STEP_FORM = { step: 0, learningRate: 0, loss: 0, accuracy: 0 } satisfies Record<
  keyof StepRecord,
  unknown
>;

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

/** Reads JSON of a form given by example. Throws InputError when it is of another, or no JSON. */
export function readJson<T>(file: string, form: unknown): T {
  let value: unknown;
  try {
    value = JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch (error) {
    throw new InputError(`${file}: cannot be read: ${messageOf(error)}`);
  }
  const odd = misfit(value, form, '');
  if (odd !== undefined) throw new InputError(`${file}: damaged: ${odd}`);
  return value as T;
}

/** Where and how a value is not like the example; undefined when it is. */
function misfit(value: unknown, form: unknown, place: string): string | undefined {
  const where = place === '' ? 'it' : place.slice(1);
  if (form === null && value === null) return undefined;
  if (form === null || typeof form === 'number') {
    return typeof value === 'number' ? undefined : `${where} is no number`;
  }
  if (Array.isArray(form)) {
    if (!Array.isArray(value)) return `${where} is no list`;
    return firstOf(value.keys(), (i) => misfit(value[i], form[0], `${place}.${i}`));
  }
  if (typeof form === 'object') {
    if (typeof value !== 'object' || value === null) return `${where} is no object`;
    return firstOf(Object.keys(form), (key) =>
      misfit(
        (value as Record<string, unknown>)[key],
        (form as Record<string, unknown>)[key],
        `${place}.${key}`,
      ),
    );
  }
  return typeof value === typeof form ? undefined : `${where} is no ${typeof form}`;
}

function firstOf<A, B>(list: Iterable<A>, find: (each: A) => B | undefined): B | undefined {
  for (const each of list) {
    const found = find(each);
    if (found !== undefined) return found;
  }
  return undefined;
}
