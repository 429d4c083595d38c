/**
 * Every hyper-parameter of a training, declared once: its values, default and help text, and whether a resumed
 * run may change it. The library's checks, the command line, `config.json` and resuming all use this table.
 */
import {
  type Check,
  check,
  nonNegativeNumber,
  oneOf,
  positiveInteger,
  positiveNumber,
  wholeNumber,
} from '../checks';
import { PRECISIONS, type Precision } from '../tf/index';
import { SCHEDULES, type Schedule } from './schedule';

export interface Setting<T> {
  readonly check: Check<T>;
  readonly default?: T;
  /** For `--help`. */
  readonly help: string;
  /** The command-line option, if it is not the name itself. */
  readonly flag?: string;
  /** Whether a resumed run may change it: never, unless stated otherwise. */
  readonly change?: 'on request' | 'freely';
}

export type Settings = Readonly<Record<string, Setting<unknown>>>;
/** The values of some settings. */
export type ValuesOf<S extends Settings> = {
  [K in keyof S]: S[K] extends Setting<infer T> ? T : never;
};

export function setting<T>(
  check: Check<T>,
  help: string,
  more: Pick<Setting<T>, 'default' | 'flag' | 'change'> = {},
): Setting<T> {
  return { check, help, ...more };
}

const change = 'on request';

export const TRAIN_SETTINGS = {
  epochs: setting(positiveInteger, 'passes over the training images', { default: 5, change }),
  batchSize: setting(positiveInteger, 'images per batch', { default: 128 }),
  learningRate: setting(positiveNumber, 'learning rate of AdamW', {
    default: 0.001,
    flag: 'lr',
    change,
  }),
  schedule: setting<Schedule>(oneOf(SCHEDULES), 'how the learning rate changes', {
    default: 'constant',
    change,
  }),
  weightDecay: setting(nonNegativeNumber, 'decoupled weight decay of AdamW', {
    default: 0.01,
    change,
  }),
  accumulationSteps: setting(positiveInteger, 'batches whose gradients are summed in one step', {
    default: 1,
  }),
  precision: setting<Precision>(
    oneOf(PRECISIONS),
    'number format of convolutions and matrix products',
    {
      default: 'float32',
      change,
    },
  ),
  seed: setting(wholeNumber, 'fixes initial weights, order of images and dropout', { default: 42 }),
};

export type TrainSettings = ValuesOf<typeof TRAIN_SETTINGS>;

/** Fills in the defaults. Throws InputError for values out of range. */
export function trainSettings(given: Partial<TrainSettings> = {}): TrainSettings {
  return withDefaults(TRAIN_SETTINGS, given);
}

/** The values of `settings`, defaults filled in and checked; other keys of `given` are left out. */
export function withDefaults<S extends Settings>(
  settings: S,
  given: Partial<ValuesOf<S>>,
): ValuesOf<S> {
  const values = Object.entries(settings).map(([name, { check: wanted, default: initial }]) => [
    name,
    check(wanted, given[name] ?? initial, name),
  ]);
  return Object.fromEntries(values);
}
