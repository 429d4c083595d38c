/** The settings of a run: those of training, of the data and of the model. */
import {
  boolean,
  nullable,
  objectOf,
  oneOf,
  optional,
  positiveInteger,
  text,
  wholeNumber,
} from '../checks';
import { InputError } from '../errors';
import { INITIALISATIONS, type Initialisation, NETWORKS, type NetworkName } from '../model/index';
import { type Settings, setting, type ValuesOf } from '../settings';
import { TRAIN_SETTINGS } from '../train/index';

export const RUN_SETTINGS = {
  data: setting(text, 'the name of the dataset'),
  trainImages: setting(
    positiveInteger,
    'train on the first n images only (default: all but the validation images)',
  ),
  validationImages: setting(
    wholeNumber,
    'keep the last n images for validation (default: a twelfth, 5,000 of 60,000)',
    { change: 'on request' },
  ),
  ...TRAIN_SETTINGS,
  network: setting<NetworkName | undefined>(
    optional(oneOf(Object.keys(NETWORKS) as NetworkName[])),
    'the network: see --list-networks',
    { default: 'alexnet' },
  ),
  inputSize: setting(
    positiveInteger,
    "height and width to resize images to (default: the network's, 227 for alexnet)",
    { default: 227 },
  ),
  initialisation: setting<Initialisation | undefined>(
    optional(oneOf(INITIALISATIONS)),
    'initial weights',
    { default: 'pytorch', flag: 'init' },
  ),
  from: setting(
    optional(nullable(text)),
    'start from these weights: a run, a model folder or a PyTorch file; its last layer is replaced if the classes differ',
    { default: null, change: 'freely' }, // resuming takes the weights from the checkpoint
  ),
  freeze: setting<'features' | null>(
    nullable(oneOf(['features'])),
    'train the classifier only: the dense layers at the end',
    { default: null },
  ),
  keep: setting<'last' | 'best'>(
    oneOf(['last', 'best']),
    'best: also keep the weights of the epoch with the lowest validation loss, in best/',
    { default: 'last', change: 'on request' },
  ),
  patience: setting<number | null>(
    nullable(positiveInteger),
    'stop early after this many epochs without a lower validation loss',
    { default: null, change: 'on request' },
  ),
  tensorboard: setting(boolean, 'also write tensorboard/, for tensorboard --logdir', {
    default: false,
    change: 'freely',
  }),
  dataFolder: setting(
    optional(nullable(text)),
    'images of your own: a folder per class, IDX files, mnist.npz or a CSV (default: MNIST)',
    { default: null, flag: 'data', change: 'freely' }, // resuming compares the images, not the folder
  ),
} satisfies Settings;

export type RunSettings = ValuesOf<typeof RUN_SETTINGS>;
export type SettingName = keyof RunSettings;

const NAMES = Object.keys(RUN_SETTINGS) as SettingName[];

const runSettings = objectOf(
  Object.fromEntries(NAMES.map((name) => [name, RUN_SETTINGS[name].check])) as {
    [K in SettingName]: (typeof RUN_SETTINGS)[K]['check'];
  },
);

/** The settings in a JSON file. Those that an older version did not have get their defaults. */
export function settingsIn(file: string, stored: object): RunSettings {
  const { inputSize, from, freeze, keep, patience, tensorboard, augment } = RUN_SETTINGS;
  const added = Object.entries({
    inputSize,
    from,
    freeze,
    keep,
    patience,
    tensorboard,
    augment,
  }).map(([name, value]) => [name, value.default]);
  const all = { ...Object.fromEntries(added), ...stored };
  const problem = runSettings.problem(all, 'settings');
  if (problem) throw new InputError(`${file}: damaged: ${problem}`);
  return all;
}

/** The settings that a resumed run may change with `--change`. */
export const CHANGEABLE = NAMES.filter((name) => changeOf(name) === 'on request');

/** Throws InputError if `now` differs from `before` in a setting that is fixed, or not named in `changes`. */
export function checkChanges(
  folder: string,
  before: RunSettings,
  now: RunSettings,
  changes: readonly SettingName[],
): void {
  const differing = NAMES.filter(
    (name) => before[name] !== now[name] && changeOf(name) !== 'freely',
  );
  const unasked = differing.filter((name) => !changes.includes(name));
  if (unasked.length === 0) return;
  const list = unasked.map((name) => `${name} ${before[name]} → ${now[name]}`).join(', ');
  const fixed = unasked.filter((name) => !CHANGEABLE.includes(name));
  throw new InputError(
    `${folder}: this run was started with other settings: ${list}. ` +
      (fixed.length > 0
        ? `${fixed.join(', ')} cannot change within a run: use another folder, or delete this one`
        : `To change them on purpose, pass --change ${unasked.join(' ')}`),
  );
}

/** The settings that may not differ from one part of a run to the next, or from one worker to another. */
export function fixedSettings(settings: RunSettings): Partial<RunSettings> {
  const fixed = NAMES.filter((name) => changeOf(name) !== 'freely');
  return Object.fromEntries(fixed.map((name) => [name, settings[name] ?? null]));
}

function changeOf(name: SettingName): 'on request' | 'freely' | undefined {
  return (RUN_SETTINGS as Settings)[name].change;
}
