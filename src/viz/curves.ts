/** Curves: loss and accuracy over steps and epochs, and lines in general. */
import type { EpochRecord, StepRecord } from '../train/index';
import { BLUE, COLORS, type Figure, figure, LEGEND_ABOVE, ORANGE, type Trace } from './figure';

type Points = [x: number[], y: number[]];

const FAINT_BLUE = 'rgba(31, 119, 180, 0.3)';

/** Training and validation per epoch: loss on the left, accuracy on the right. */
export function epochCurves(history: EpochRecord[], title = 'Training progress'): Figure {
  const epochs = history.map(({ epoch }) => epoch);
  const losses = history.map((e) => e.trainLoss);
  const accuracies = history.map((e) => 100 * e.trainAccuracy);
  const data = [
    ...lossAndAccuracy('Train', BLUE, [epochs, losses], [epochs, accuracies], 'lines+markers'),
    ...validationCurves(history, ({ epoch }) => epoch),
  ];
  const hint = history.length === 1 ? ' (one epoch is one point)' : '';
  return { data, layout: twoPlots(title + hint, 'Epoch', { dtick: 1 }) };
}

/**
 * Loss and accuracy per step, with a running average over about ten steps. With `epochs`, also the
 * validation at the end of each epoch. Long trainings are thinned.
 */
export function stepCurves(
  steps: StepRecord[],
  title = 'Training, step by step',
  epochs: EpochRecord[] = [],
): Figure {
  const losses = steps.map((s) => s.loss);
  const accuracies = steps.map((s) => 100 * s.accuracy);
  const data = [
    ...lossAndAccuracy('Each step', FAINT_BLUE, thinned(losses), thinned(accuracies)),
    ...lossAndAccuracy('Smoothed', BLUE, thinned(smooth(losses)), thinned(smooth(accuracies))),
    ...validationCurves(epochs, (epoch) => epoch.steps),
  ];
  return { data, layout: twoPlots(title, 'Step', {}) };
}

/** Several loss curves in one plot, each smoothed over about ten steps. */
export function lossComparison(
  curves: { name: string; losses: number[] }[],
  title: string,
): Figure {
  return fanFigure(
    curves.map(({ name, losses }) => ({ name, runs: [losses] })),
    title,
    'linear',
  );
}

/** Loss curves of several runs in each group, for example one for each seed: one colour and legend entry per group. */
export function fanFigure(
  groups: { name: string; runs: number[][] }[],
  title: string,
  lossAxis: 'log' | 'linear' = 'log',
): Figure {
  const data = groups.flatMap(({ name, runs }, group) =>
    runs.map((losses, i) => {
      const [x, y] = thinned(smooth(losses));
      const color = COLORS[group % COLORS.length];
      const trace = { type: 'scatter', mode: 'lines', name, x, y, line: { color } };
      return { ...trace, legendgroup: name, showlegend: i === 0 };
    }),
  );
  const layout = { height: 420, ...LEGEND_ABOVE };
  const axes: [string, string] = ['Step', 'Loss (cross-entropy), smoothed'];
  return figure(data, title, axes, layout, {}, lossAxis === 'log' ? LOG_AXIS : {});
}

/** Ticks at 1, 2, 5, 10 …, written as in code: 1e-5. */
const LOG_AXIS = { type: 'log', dtick: 'D2', exponentformat: 'e' };

/** Curves through points, or with `mode: 'markers'` the points alone. */
export function lineFigure(
  curves: { name: string; x: number[]; y: number[]; mode?: string }[],
  title: string,
  axes: [string, string],
  xaxis: 'log' | 'linear' = 'linear',
): Figure {
  const data = curves.map((curve) => ({ type: 'scatter', mode: 'lines', ...curve }));
  const layout = { height: 380, ...LEGEND_ABOVE };
  return figure(data, title, axes, layout, xaxis === 'log' ? LOG_AXIS : {});
}

/** The most points in a curve: as many as a screen shows and a browser draws without delay. */
const MAX_POINTS = 1000;

/**
 * The steps (from 1) and values of a curve, rounded to five digits. Of a long curve, each stretch of steps keeps
 * its smallest and its largest value: about a thousand points, and no spike is lost.
 */
export function thinned(values: readonly number[]): Points {
  const stretch = values.length <= MAX_POINTS ? 1 : Math.ceil((2 * values.length) / MAX_POINTS);
  const kept: number[] = [];
  for (let first = 0; first < values.length; first += stretch) {
    let [low, high] = [first, first];
    for (let i = first; i < Math.min(first + stretch, values.length); i++) {
      if (values[i] < values[low]) low = i;
      if (values[i] > values[high]) high = i;
    }
    kept.push(Math.min(low, high));
    if (low !== high) kept.push(Math.max(low, high));
  }
  return [kept.map((i) => i + 1), kept.map((i) => Number(values[i].toPrecision(5)))];
}

/** Exponential moving average, with the correction for its start that Adam's moments have. */
export function smooth(values: number[], keep = 0.9): number[] {
  let average = 0;
  return values.map((value, i) => {
    average = keep * average + (1 - keep) * value;
    return average / (1 - keep ** (i + 1));
  });
}

/** A curve in the left plot and one in the right plot, with one legend entry for both. */
function lossAndAccuracy(
  name: string,
  color: string,
  loss: Points,
  accuracy: Points,
  mode = 'lines',
): Trace[] {
  const trace = { type: 'scatter', mode, name, line: { color }, legendgroup: name };
  return [
    { ...trace, x: loss[0], y: loss[1], xaxis: 'x', yaxis: 'y', showlegend: true },
    { ...trace, x: accuracy[0], y: accuracy[1], xaxis: 'x2', yaxis: 'y2', showlegend: false },
  ];
}

function validationCurves(history: EpochRecord[], xOf: (epoch: EpochRecord) => number): Trace[] {
  const validated = history.filter(({ valLoss }) => valLoss !== null);
  if (validated.length === 0) return [];
  const x = validated.map(xOf);
  const losses = validated.map((e) => e.valLoss as number);
  const accuracies = validated.map((e) => 100 * (e.valAccuracy as number));
  return lossAndAccuracy('Validation', ORANGE, [x, losses], [x, accuracies], 'lines+markers');
}

function twoPlots(title: string, unit: string, ticks: object): Record<string, unknown> {
  return {
    title: { text: title },
    height: 400,
    grid: { rows: 1, columns: 2, pattern: 'independent' },
    xaxis: { title: { text: unit }, ...ticks },
    xaxis2: { title: { text: unit }, ...ticks },
    yaxis: { title: { text: 'Loss (cross-entropy)' }, rangemode: 'tozero' },
    yaxis2: { title: { text: 'Accuracy (%)' } },
    ...LEGEND_ABOVE,
  };
}
