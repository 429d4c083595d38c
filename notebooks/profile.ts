/** How long the tutorial trains: `npm run tutorial -- --profile quick` or `full`. Imported by the notebooks. */
import { InputError } from '../src/errors';
import type { Initialisation } from '../src/model/index';
import type { Schedule } from '../src/train/index';

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
  // A few minutes on two cores. Small batches give many steps from few images. With the article's learning rate
  // and PyTorch's initial weights, the first fifty steps would learn nothing.
  quick: {
    name: 'quick',
    trainImages: 7_200,
    validationImages: 1000,
    epochs: 1,
    batchSize: 32,
    learningRate: 5e-4,
    schedule: 'cosine',
    initialisation: 'glorot',
  },
  // The article's five epochs with batches of 128.
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

/** The profile named by the variable TUTORIAL_PROFILE: `quick` (the default) or `full`. */
export function tutorialProfile(name = process.env.TUTORIAL_PROFILE ?? 'quick'): Profile {
  const profile = PROFILES[name as Profile['name']];
  if (!profile) throw new InputError(`TUTORIAL_PROFILE is '${name}', want quick or full`);
  return profile;
}
