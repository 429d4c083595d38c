import { confidenceInterval } from '../evaluate/index';
import { percent } from '../viz/index';
import { bestEpoch, type Run } from './run';
import { RUN_SETTINGS, type SettingName } from './settings';

/** The results of a run. Null where it has none. Losses are cross-entropies, accuracies 0 to 1. */
export interface RunSummary {
  folder: string;
  interrupted: boolean;
  epochs: number;
  steps: number;
  /** Time spent in training steps. */
  seconds: number;
  trainLoss: number | null;
  /** The epoch with the lowest validation loss. */
  bestEpoch: number | null;
  valLoss: number | null;
  valAccuracy: number | null;
  testAccuracy: number | null;
  /** The 95% confidence interval of `testAccuracy`. */
  interval: [low: number, high: number] | null;
}

export function summaryOf({ folder, config, history, steps, test }: Run): RunSummary {
  const best = bestEpoch(history);
  return {
    folder,
    interrupted: config.interrupted,
    epochs: history.length,
    steps: steps.length,
    seconds: history.reduce((sum, epoch) => sum + epoch.seconds, 0),
    trainLoss: history.at(-1)?.trainLoss ?? null,
    bestEpoch: best?.epoch ?? null,
    valLoss: best?.valLoss ?? null,
    valAccuracy: best?.valAccuracy ?? null,
    testAccuracy: test?.accuracy ?? null,
    interval: test ? confidenceInterval(test.accuracy, test.images) : null,
  };
}

/** The settings in which the runs differ. */
export function differences(runs: readonly Run[]): SettingName[] {
  const names = Object.keys(RUN_SETTINGS) as SettingName[];
  return names.filter((name) => new Set(runs.map(({ config }) => config[name] ?? null)).size > 1);
}

const loss = (value: number | null) => value?.toFixed(4) ?? '–';
const share = (value: number | null) => (value === null ? '–' : percent(value));

const RESULTS: Record<string, (run: RunSummary) => string> = {
  Epochs: ({ epochs }) => String(epochs),
  Steps: ({ steps }) => steps.toLocaleString('en-US'),
  'Training minutes': ({ seconds }) => (seconds / 60).toFixed(1),
  'Train loss': ({ trainLoss }) => loss(trainLoss),
  'Best epoch': (run) => String(run.bestEpoch ?? '–'),
  'Validation loss': ({ valLoss }) => loss(valLoss),
  'Validation accuracy': ({ valAccuracy }) => share(valAccuracy),
  'Test accuracy': ({ testAccuracy }) => share(testAccuracy),
  '95% confidence': ({ interval }) => interval?.map((end) => percent(end)).join(' to ') ?? '–',
};

/** Rows of a table with a column for each run: the settings in which the runs differ, then their results. */
export function compareRuns(runs: readonly Run[]): string[][] {
  const summaries = runs.map(summaryOf);
  return [
    ...differences(runs).map((name) => [
      name,
      ...runs.map(({ config }) => String(config[name] ?? '–')),
    ]),
    ...Object.entries(RESULTS).map(([name, show]) => [name, ...summaries.map(show)]),
  ];
}
