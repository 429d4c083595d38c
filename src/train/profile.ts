import { InputError } from '../errors';
import type { Initialisation } from '../model/index';

/** How much the tutorial trains. */
export interface Profile {
  name: 'quick' | 'full';
  /** Null: all but the validation images. */
  trainImages: number | null;
  validationImages: number;
  epochs: number;
  batchSize: number;
  learningRate: number;
  initialisation: Initialisation;
}

const PROFILES: Record<Profile['name'], Profile> = {
  // Enough for two cores in a few minutes. A smaller learning rate than the article's: at 0.001
  // PyTorch's initial weights need about fifty updates before they begin to learn.
  quick: {
    name: 'quick',
    trainImages: 8000,
    validationImages: 1000,
    epochs: 1,
    batchSize: 64,
    learningRate: 3e-4,
    initialisation: 'pytorch',
  },
  // The article's settings.
  full: {
    name: 'full',
    trainImages: null,
    validationImages: 5000,
    epochs: 5,
    batchSize: 128,
    learningRate: 1e-3,
    initialisation: 'pytorch',
  },
};

/** The profile that the variable TUTORIAL_PROFILE names: `quick` (the default) or `full`. */
export function tutorialProfile(name = process.env.TUTORIAL_PROFILE ?? 'quick'): Profile {
  const profile = PROFILES[name as Profile['name']];
  if (!profile) throw new InputError(`TUTORIAL_PROFILE is '${name}', want quick or full`);
  return profile;
}
