/**
 * Every setting of training, declared once. (Dropout belongs to the model: `AlexNetOptions`.) The library's defaults and
 * checks, the command-line options, `config.json` and the comparison when a run resumes all come from this table.
 */
import {
  boolean,
  nonNegativeNumber,
  oneOf,
  positiveInteger,
  positiveNumber,
  wholeNumber,
} from '../checks';
import { setting, type ValuesOf, withDefaults } from '../settings';
import { PRECISIONS, type Precision } from '../tf/index';
import { SCHEDULES, type Schedule } from './schedule';

const change = 'on request';

export const TRAIN_SETTINGS = {
  epochs: setting(positiveInteger, 'passes over the training set', { default: 5, change }),
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
  accumulationSteps: setting(positiveInteger, 'batches per step, with their gradients summed', {
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
  augment: setting(boolean, 'vary the training images: rotate, shift, scale, thicken …', {
    default: false,
    change,
  }),
  seed: setting(wholeNumber, 'seed of the initial weights, image order, augmentation and dropout', {
    default: 42,
  }),
};

export type TrainSettings = ValuesOf<typeof TRAIN_SETTINGS>;

/** Fills in the defaults. Throws InputError for values out of range. */
export function trainSettings(given: Partial<TrainSettings> = {}): TrainSettings {
  return withDefaults(TRAIN_SETTINGS, given);
}
