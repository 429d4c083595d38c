import { InputError } from '../errors';
import type { Initialisation } from '../model/index';
import type { Schedule } from './schedule';

/** How much the tutorial trains. */
export interface Profile {
  name: 'quick' | 'full';
  /** Null: all but the validation images. */
  trainImages: number | null;
  validationImages: number;
  epochs: number;
  batchSize: number;
  learningRate: number;
  schedule: Schedule;
  initialisation: Initialisation;
}

const PROFILES: Record<Profile['name'], Profile> = {
  // Enough for two cores in a few minutes. Small batches make many updates of few images; the learning
  // rate is smaller than the article's, at which PyTorch's initial weights hesitate for fifty updates.
  quick: {
    name: 'quick',
    trainImages: 10_000,
    validationImages: 1000,
    epochs: 1,
    batchSize: 32,
    learningRate: 3e-4,
    schedule: 'cosine',
    initialisation: 'pytorch',
  },
  // The article's five epochs of batches of 128.
  full: {
    name: 'full',
    trainImages: null,
    validationImages: 5000,
    epochs: 5,
    batchSize: 128,
    learningRate: 5e-4,
    schedule: 'cosine',
    initialisation: 'pytorch',
  },
};

/** The profile that the variable TUTORIAL_PROFILE names: `quick` (the default) or `full`. */
export function tutorialProfile(name = process.env.TUTORIAL_PROFILE ?? 'quick'): Profile {
  const profile = PROFILES[name as Profile['name']];
  if (!profile) throw new InputError(`TUTORIAL_PROFILE is '${name}', want quick or full`);
  return profile;
}
