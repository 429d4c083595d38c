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

/** Rows of a table with a column for each run: the settings in which the runs differ, then their results. */
export function compareRuns(runs: readonly Run[]): string[][] {
  const settings = differences(runs).map((name) => [
    name,
    ...runs.map(({ config }) => String(config[name] ?? '–')),
  ]);
  const summaries = runs.map(summaryOf);
  const row = <T>(
    name: string,
    read: (run: RunSummary) => T | null,
    show: (value: T) => string,
  ) => [
    name,
    ...summaries.map((run) => {
      const value = read(run);
      return value === null ? '–' : show(value);
    }),
  ];
  return [
    ...settings,
    row(
      'Epochs',
      (run) => run.epochs,
      (n) => String(n),
    ),
    row(
      'Steps',
      (run) => run.steps,
      (n) => n.toLocaleString('en-US'),
    ),
    row(
      'Training minutes',
      (run) => run.seconds,
      (s) => (s / 60).toFixed(1),
    ),
    row(
      'Train loss',
      (run) => run.trainLoss,
      (loss) => loss.toFixed(4),
    ),
    row(
      'Best epoch',
      (run) => run.bestEpoch,
      (n) => String(n),
    ),
    row(
      'Validation loss',
      (run) => run.valLoss,
      (loss) => loss.toFixed(4),
    ),
    row(
      'Validation accuracy',
      (run) => run.valAccuracy,
      (share) => percent(share),
    ),
    row(
      'Test accuracy',
      (run) => run.testAccuracy,
      (share) => percent(share),
    ),
    row(
      '95% confidence',
      (run) => run.interval,
      (range) => range.map((p) => percent(p)).join(' to '),
    ),
  ];
}
