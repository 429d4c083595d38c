/** Plotly figures as plain data. Nothing here knows TensorFlow, Jupyter or Plotly's code. */

import type { CalibrationBin, ClassReport } from '../evaluate/index';
import type { LayerRow } from '../model/index';
import type { EpochRecord, StepRecord } from '../train/index';

/** The arguments of `Plotly.newPlot`. In Jupyter: `application/vnd.plotly.v1+json`. */
export interface Figure {
  data: Record<string, unknown>[];
  layout: Record<string, unknown>;
}

type Trace = Record<string, unknown>;
type Points = [x: number[], y: number[]];

const BLUE = '#1f77b4';
const FAINT_BLUE = 'rgba(31, 119, 180, 0.3)';
const ORANGE = '#ff7f0e';
const TEN_COLORS = [
  ...['#1f77b4', '#ff7f0e', '#2ca02c', '#d62728', '#9467bd'],
  ...['#8c564b', '#e377c2', '#7f7f7f', '#bcbd22', '#17becf'],
];
const SHARE = { tickformat: '.0%' };
const CATEGORY = { type: 'category' };
/** Above the plot: below it, JupyterLab draws the legend over the axis title. */
const LEGEND_ABOVE = {
  legend: { orientation: 'h', x: 0.5, xanchor: 'center', y: 1.02, yanchor: 'bottom' },
};

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
  axis = 'Step',
): Figure {
  const data = curves.map(({ name, losses }) => {
    const [x, y] = thinned(smooth(losses));
    return { type: 'scatter', mode: 'lines', name, x, y };
  });
  const layout = { height: 400, ...LEGEND_ABOVE };
  return figure(data, title, [axis, 'Loss (cross-entropy), smoothed'], layout);
}

/** Curves through points, or with `mode: 'markers'` the points alone. */
export function lineFigure(
  curves: { name: string; x: number[]; y: number[]; mode?: string }[],
  title: string,
  axes: [string, string],
  xaxis: { type?: 'log' } = {},
): Figure {
  const data = curves.map((curve) => ({ type: 'scatter', mode: 'lines', ...curve }));
  return figure(data, title, axes, { height: 380, ...LEGEND_ABOVE }, xaxis);
}

/** Loss curves of several runs in each group, for example one for each seed: one colour and legend entry per group. */
export function fanFigure(groups: { name: string; runs: number[][] }[], title: string): Figure {
  const data = groups.flatMap(({ name, runs }, group) =>
    runs.map((losses, i) => {
      const [x, y] = thinned(smooth(losses));
      const color = TEN_COLORS[group % TEN_COLORS.length];
      const trace = { type: 'scatter', mode: 'lines', name, x, y, line: { color } };
      return { ...trace, legendgroup: name, showlegend: i === 0 };
    }),
  );
  const layout = { height: 420, ...LEGEND_ABOVE };
  return figure(data, title, ['Step', 'Loss (cross-entropy), smoothed'], layout);
}

/** Points in the plane, one colour per label. `names` are shown on hover. */
export function pointsFigure(
  points: readonly (readonly [number, number])[],
  labels: ArrayLike<number>,
  names: readonly string[],
  title: string,
): Figure {
  const classes = [...new Set(Array.from(labels))].sort((a, b) => a - b);
  const data = classes.map((label, i) => {
    const own = [...points.keys()].filter((point) => labels[point] === label);
    return {
      type: 'scatter',
      mode: 'markers',
      name: String(label),
      x: own.map((point) => Number(points[point][0].toPrecision(4))),
      y: own.map((point) => Number(points[point][1].toPrecision(4))),
      text: own.map((point) => names[point]),
      hovertemplate: '%{text}<extra></extra>',
      marker: { color: TEN_COLORS[i % TEN_COLORS.length], size: 6 },
    };
  });
  const axis = { showticklabels: false, zeroline: false };
  const layout = { title: { text: title }, height: 560, xaxis: axis, yaxis: axis };
  return { data, layout: { ...layout, legend: { title: { text: 'Digit' } } } };
}

/**
 * The confusion matrix. Rows are the actual classes, columns the predicted ones. The diagonal is blue, by share of the
 * class; mistakes are orange, by their number compared with the most frequent mistake, so that they stand out.
 */
export function confusionFigure(confusion: number[][], title = 'Confusion matrix'): Figure {
  const classes = confusion.map((_, index) => String(index));
  const worst = Math.max(1, ...confusion.flatMap((row, a) => row.filter((_, p) => a !== p)));
  const cells = (
    color: string,
    shadeOf: (count: number, a: number, p: number) => number | null,
  ) => ({
    type: 'heatmap',
    x: classes,
    y: classes,
    z: confusion.map((row, a) => row.map((count, p) => shadeOf(count, a, p))),
    text: confusion.map((row) => row.map(String)),
    texttemplate: '%{text}',
    hovertemplate: 'Actual %{y}, predicted %{x}: %{text} images<extra></extra>',
    colorscale: [
      [0, '#ffffff'],
      [1, color],
    ],
    zmin: 0,
    zmax: 1,
    showscale: false,
  });
  const data = [
    cells(BLUE, (count, a, p) => (a === p ? count / Math.max(1, sum(confusion[a])) : null)),
    cells(ORANGE, (count, a, p) => (a === p ? null : count / worst)),
  ];
  const size = { height: 520, width: 560 };
  const reversed = { ...CATEGORY, autorange: 'reversed' };
  return figure(data, title, ['Predicted', 'Actual'], size, CATEGORY, reversed);
}

/** Labelled bars, for example the number of images of each class. */
export function barFigure(
  labels: string[],
  values: number[],
  title: string,
  axes: [string, string],
): Figure {
  const bars = { type: 'bar', x: labels, y: values, marker: { color: BLUE } };
  return figure([bars], title, axes, { height: 360 }, CATEGORY);
}

/** The prediction for one image: a bar for each class, the most probable one highlighted. */
export function probabilitiesFigure(
  probabilities: number[],
  title = 'Predicted probabilities',
): Figure {
  const best = probabilities.indexOf(Math.max(...probabilities));
  const share = `${(100 * probabilities[best]).toFixed(1)}%`;
  const verdict = probabilities[best] < 0.8 ? `not sure: ${best}, ${share}` : `${best}, ${share}`;
  const bars = {
    type: 'bar',
    x: probabilities.map((_, label) => String(label)),
    y: probabilities,
    marker: { color: probabilities.map((_, label) => (label === best ? ORANGE : BLUE)) },
    text: probabilities.map((value) =>
      value < 0.0005 ? '<0.1%' : `${(100 * value).toFixed(value < 0.1 ? 1 : 0)}%`,
    ),
    textposition: 'outside',
    cliponaxis: false,
    hovertemplate: '%{x}: %{y:.2%}<extra></extra>',
  };
  const yaxis = { range: [0, 1], ...SHARE };
  return figure(
    [bars],
    `${title}: ${verdict}`,
    ['Digit', 'Probability'],
    { height: 360 },
    CATEGORY,
    yaxis,
  );
}

/**
 * Each layer's share of the network's parameters, arithmetic and activations. The default title says how much
 * of it the dense and the convolutional layers have.
 */
export function sharesFigure(table: readonly LayerRow[], title?: string): Figure {
  const rows = table.filter(({ parameters }) => parameters > 0);
  const shares = (sizeOf: (row: LayerRow) => number) => {
    const total = sum(rows.map(sizeOf));
    return rows.map((row) => sizeOf(row) / total);
  };
  const parameters = shares((row) => row.parameters);
  const arithmetic = shares((row) => row.macs);
  const activations = shares((row) => row.outputShape.reduce((a, b) => a * b, 1));
  const isDense = rows.map(({ outputShape }) => outputShape.length === 1);
  const inDense = sum(parameters.filter((_, i) => isDense[i]));
  const inConvolutions = sum(arithmetic.filter((_, i) => !isDense[i]));
  const summary =
    `${(100 * inDense).toFixed(0)}% of the parameters are in the dense layers, ` +
    `${(100 * inConvolutions).toFixed(0)}% of the arithmetic is in the convolutions`;
  return groupedBars(
    rows.map(({ name }) => name),
    { Parameters: parameters, Arithmetic: arithmetic, Activations: activations },
    title ?? summary,
    ['Layer', 'Share of the total'],
  );
}

/** Precision and recall of each class. The axis starts just below the lowest value. */
export function classReportFigure(
  reports: readonly ClassReport[],
  title = 'Precision and recall of each digit',
): Figure {
  const Precision = reports.map(({ precision }) => precision);
  const Recall = reports.map(({ recall }) => recall);
  const worst = Math.min(1, ...[...Precision, ...Recall].filter(Number.isFinite));
  const from = Math.max(0, Math.floor(20 * worst - 0.5) / 20);
  const labels = reports.map(({ label }) => String(label));
  const share = from > 0 ? `Share (axis starts at ${Math.round(100 * from)}%)` : 'Share';
  return groupedBars(labels, { Precision, Recall }, title, ['Digit', share], [from, 1]);
}

/** Accuracy of the predictions over their confidence, with the diagonal of perfect calibration. */
export function calibrationFigure(
  bins: readonly CalibrationBin[],
  title = 'Confidence and accuracy',
): Figure {
  const all = sum(bins.map(({ images }) => images));
  const diagonal = {
    type: 'scatter',
    mode: 'lines',
    name: 'Perfectly calibrated',
    x: [0, 1],
    y: [0, 1],
    line: { color: '#888888', dash: 'dash' },
  };
  const network = {
    type: 'scatter',
    mode: 'lines+markers',
    name: 'This network (area: number of images)',
    x: bins.map(({ confidence }) => confidence),
    y: bins.map(({ accuracy }) => accuracy),
    text: bins.map(({ images }) => images.toLocaleString('en-US')),
    hovertemplate: 'Confidence %{x:.1%}, accuracy %{y:.1%}<br>%{text} images<extra></extra>',
    line: { color: BLUE },
    marker: { size: bins.map(({ images }) => 8 + (32 * Math.sqrt(images)) / Math.sqrt(all)) },
  };
  const axis = { ...SHARE, range: [0, 1.03] };
  const layout = { height: 420, width: 560, ...LEGEND_ABOVE };
  return figure([diagonal, network], title, ['Confidence', 'Accuracy'], layout, axis, axis);
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

/** One plot with a title for the figure and for each axis. */
function figure(
  data: Trace[],
  title: string,
  [x, y]: [string, string],
  layout: object,
  xaxis = {},
  yaxis = {},
): Figure {
  const axes = {
    xaxis: { title: { text: x }, ...xaxis },
    yaxis: { title: { text: y }, ...yaxis },
  };
  return { data, layout: { title: { text: title }, ...axes, ...layout } };
}

/** Shares as bars: for each label one bar of each group. */
function groupedBars(
  labels: string[],
  groups: Record<string, number[]>,
  title: string,
  axes: [string, string],
  range?: [number, number],
): Figure {
  const data = Object.entries(groups).map(([name, values]) => ({
    type: 'bar',
    name,
    x: labels,
    y: values.map((value) => (Number.isFinite(value) ? value : null)),
    hovertemplate: `%{x}, ${name.toLowerCase()}: %{y:.1%}<extra></extra>`,
  }));
  const layout = { height: 380, barmode: 'group', ...LEGEND_ABOVE };
  return figure(data, title, axes, layout, CATEGORY, { ...SHARE, ...(range && { range }) });
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

function sum(values: number[]): number {
  return values.reduce((a, b) => a + b, 0);
}
