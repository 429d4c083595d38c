/**
 * Plotly figures as plain data: nothing here knows TensorFlow, Jupyter or Plotly's code.
 */

import type { CalibrationBin, ClassReport } from '../evaluate/index';
import type { LayerRow } from '../model/index';
import type { EpochRecord, StepRecord } from '../train/index';

/** What `Plotly.newPlot` takes, and what Jupyter calls `application/vnd.plotly.v1+json`. */
export interface Figure {
  data: Record<string, unknown>[];
  layout: Record<string, unknown>;
}

const TRAIN = '#1f77b4';
const VALIDATION = '#ff7f0e';

/** Loss and accuracy per epoch, training and validation: the article's two plots, side by side. */
export function epochCurves(history: EpochRecord[], title = 'Training progress'): Figure {
  const epochs = history.map(({ epoch }) => epoch);
  const percent = (value: number | null) => (value === null ? null : 100 * value);
  const hasValidation = history.some(({ valLoss }) => valLoss !== null);
  const data = [
    line(
      'Train',
      epochs,
      history.map((e) => e.trainLoss),
      TRAIN,
      'x',
      'y',
    ),
    line(
      'Train',
      epochs,
      history.map((e) => percent(e.trainAccuracy)),
      TRAIN,
      'x2',
      'y2',
    ),
  ];
  if (hasValidation) {
    data.push(
      line(
        'Validation',
        epochs,
        history.map((e) => e.valLoss),
        VALIDATION,
        'x',
        'y',
      ),
      line(
        'Validation',
        epochs,
        history.map((e) => percent(e.valAccuracy)),
        VALIDATION,
        'x2',
        'y2',
      ),
    );
  }
  return { data: namedOnce(data), layout: twoPlots(title, 'Epoch', { dtick: 1 }) };
}

/**
 * Loss and accuracy per step (an update of the weights), with a running average over some ten steps, and the
 * validation at the end of each epoch where `epochs` has one. Long trainings are thinned: see `thinned`.
 */
export function stepCurves(
  steps: StepRecord[],
  title = 'Training, step by step',
  epochs: EpochRecord[] = [],
): Figure {
  const validated = epochs.filter(({ valLoss }) => valLoss !== null);
  const ends = validated.map((epoch) => epoch.steps);
  const faint = 'rgba(31, 119, 180, 0.3)';
  const data = (
    [
      [steps.map((s) => s.loss), validated.map((e) => e.valLoss), 'x', 'y'],
      [
        steps.map((s) => 100 * s.accuracy),
        validated.map((e) => 100 * (e.valAccuracy as number)),
        'x2',
        'y2',
      ],
    ] as const
  ).flatMap(([values, validation, x, y]) => [
    thin('One step', ...thinned(values), faint, x, y),
    thin('Smoothed', ...thinned(smooth([...values])), TRAIN, x, y),
    ...(validated.length > 0 ? [line('Validation', ends, [...validation], VALIDATION, x, y)] : []),
  ]);
  return { data: namedOnce(data), layout: twoPlots(title, 'Step', {}) };
}

/** Points that a curve has at most: what a screen shows, and what a browser draws without a halt. */
const MAX_POINTS = 1000;

/**
 * The steps (from 1) and values of a curve, at most some thousand: of each stretch of steps the least and the
 * largest value stay, so that no spike is lost. Rounded to five digits, which no screen tells apart.
 */
export function thinned(values: readonly number[]): [number[], number[]] {
  const stretch = Math.max(1, Math.ceil((2 * values.length) / MAX_POINTS));
  const kept: number[] = [];
  if (values.length <= MAX_POINTS) kept.push(...values.keys());
  for (let first = 0; kept.length < values.length && first < values.length; first += stretch) {
    let [low, high] = [first, first];
    for (let i = first; i < Math.min(first + stretch, values.length); i++) {
      if (values[i] < values[low]) low = i;
      if (values[i] > values[high]) high = i;
    }
    kept.push(...(low === high ? [low] : low < high ? [low, high] : [high, low]));
  }
  return [kept.map((i) => i + 1), kept.map((i) => Number(values[i].toPrecision(5)))];
}

/** Several loss curves in one plot, each smoothed over some ten steps. */
export function lossComparison(
  curves: { name: string; losses: number[] }[],
  title: string,
  axis = 'Update of the weights',
): Figure {
  return {
    data: curves.map(({ name, losses }) => ({
      type: 'scatter',
      mode: 'lines',
      name,
      ...Object.fromEntries(thinned(smooth(losses)).map((list, i) => ['xy'[i], list])),
    })),
    layout: {
      title: { text: title },
      xaxis: { title: { text: axis } },
      yaxis: { title: { text: 'Loss (cross-entropy), smoothed' } },
      height: 380,
    },
  };
}

/** The confusion matrix as a heat map: rows are the actual classes, columns the predicted ones. */
export function confusionFigure(confusion: number[][], title = 'Confusion matrix'): Figure {
  const classes = confusion.map((_, index) => String(index));
  // Colour by the share of the row, so that a rare class shows as clearly as a common one.
  const shares = confusion.map((row) => {
    const total = row.reduce((a, b) => a + b, 0);
    return row.map((count) => (total === 0 ? 0 : count / total));
  });
  return {
    data: [
      {
        type: 'heatmap',
        x: classes,
        y: classes,
        z: shares,
        text: confusion.map((row) => row.map(String)),
        texttemplate: '%{text}',
        hovertemplate: 'Actual %{y}, predicted %{x}: %{text} images<extra></extra>',
        colorscale: [
          [0, '#ffffff'],
          [1, TRAIN],
        ],
        zmin: 0,
        zmax: 1,
        colorbar: { title: { text: 'Share of<br>the class' } },
      },
    ],
    layout: {
      title: { text: title },
      height: 520,
      width: 620,
      xaxis: { title: { text: 'Predicted' }, type: 'category' },
      yaxis: { title: { text: 'Actual' }, type: 'category', autorange: 'reversed' },
    },
  };
}

/** Labelled bars: the ten probabilities of a prediction, the images of each class. */
export function barFigure(
  labels: string[],
  values: number[],
  title: string,
  axis: [string, string],
): Figure {
  return {
    data: [{ type: 'bar', x: labels, y: values, marker: { color: TRAIN } }],
    layout: {
      title: { text: title },
      height: 360,
      xaxis: { title: { text: axis[0] }, type: 'category' },
      yaxis: { title: { text: axis[1] } },
    },
  };
}

/** What a network thinks of one image: a bar for each class, the most probable one's standing out. */
export function probabilitiesFigure(
  probabilities: number[],
  title = 'What the network sees in it',
): Figure {
  const best = probabilities.indexOf(Math.max(...probabilities));
  const figure = barFigure(
    probabilities.map((_, label) => String(label)),
    probabilities,
    title,
    ['Digit', 'Probability'],
  );
  Object.assign(figure.data[0], {
    marker: { color: probabilities.map((_, label) => (label === best ? VALIDATION : TRAIN)) },
    text: probabilities.map((value) => `${(100 * value).toFixed(value < 0.1 ? 1 : 0)}%`),
    textposition: 'outside',
    cliponaxis: false,
    hovertemplate: '%{x}: %{y:.2%}<extra></extra>',
  });
  Object.assign(figure.layout.yaxis as object, { range: [0, 1], tickformat: '.0%' });
  return figure;
}

/** Where a network's parameters, its arithmetic and its activations are: each layer's share of all. */
export function sharesFigure(table: readonly LayerRow[], title?: string): Figure {
  const rows = table.filter(({ parameters }) => parameters > 0);
  const sizes = {
    Parameters: rows.map((row) => row.parameters),
    Arithmetic: rows.map((row) => row.macs),
    Activations: rows.map((row) => row.outputShape.reduce((a, b) => a * b, 1)),
  };
  const total = (values: number[]) => values.reduce((a, b) => a + b, 0);
  const share = (values: number[], isMeant: (row: LayerRow) => boolean) =>
    `${((100 * total(values.filter((_, i) => isMeant(rows[i])))) / total(values)).toFixed(0)}%`;
  const isDense = (row: LayerRow) => row.outputShape.length === 1;
  const found =
    `${share(sizes.Parameters, isDense)} of the parameters are in the dense layers, ` +
    `${share(sizes.Arithmetic, (row) => !isDense(row))} of the arithmetic is in the convolutions`;
  return groupedBars(
    rows.map(({ name }) => name),
    Object.entries(sizes).map(([name, values]) => ({
      name,
      values: values.map((value) => value / total(values)),
    })),
    title ?? found,
    ['Layer', 'Share of the whole'],
  );
}

/** Precision and recall of each class. The axis starts below the worst. */
export function classReportFigure(
  reports: readonly ClassReport[],
  title = 'Precision and recall of each digit',
): Figure {
  const figure = groupedBars(
    reports.map(({ label }) => String(label)),
    [
      { name: 'Precision', values: reports.map(({ precision }) => precision) },
      { name: 'Recall', values: reports.map(({ recall }) => recall) },
    ],
    title,
    ['Digit', 'Share'],
  );
  const values = reports.flatMap(({ precision, recall }) => [precision, recall]);
  const worst = values.filter(Number.isFinite).reduce((a, b) => Math.min(a, b), 1);
  const from = Math.max(0, Math.floor(20 * worst - 0.5) / 20);
  Object.assign(figure.layout.yaxis as object, { range: [from, 1] });
  return figure;
}

/** How often predictions of about the same confidence are right, beside the line on which they would be honest. */
export function calibrationFigure(
  bins: readonly CalibrationBin[],
  title = 'Is it right as often as it says?',
): Figure {
  return {
    data: [
      {
        type: 'scatter',
        mode: 'lines',
        name: 'Right as often as it says',
        x: [0, 1],
        y: [0, 1],
        line: { color: '#888888', dash: 'dash' },
      },
      {
        type: 'scatter',
        mode: 'lines+markers',
        name: 'The network',
        x: bins.map(({ confidence }) => confidence),
        y: bins.map(({ accuracy }) => accuracy),
        customdata: bins.map(({ images }) => images),
        hovertemplate: 'Says %{x:.1%}, is right %{y:.1%} of %{customdata} images<extra></extra>',
        line: { color: TRAIN },
      },
    ],
    layout: {
      title: { text: title },
      height: 420,
      width: 560,
      xaxis: { title: { text: 'Confidence' }, tickformat: '.0%', range: [0, 1.03] },
      yaxis: { title: { text: 'Accuracy' }, tickformat: '.0%', range: [0, 1.03] },
      legend: { orientation: 'h', x: 0.5, xanchor: 'center', y: -0.2 },
    },
  };
}

function groupedBars(
  labels: string[],
  groups: { name: string; values: number[] }[],
  title: string,
  axis: [string, string],
): Figure {
  return {
    data: groups.map(({ name, values }) => ({
      type: 'bar',
      name,
      x: labels,
      y: values.map((value) => (Number.isFinite(value) ? value : null)),
      hovertemplate: `%{x}, ${name.toLowerCase()}: %{y:.1%}<extra></extra>`,
    })),
    layout: {
      title: { text: title },
      height: 380,
      barmode: 'group',
      xaxis: { title: { text: axis[0] }, type: 'category' },
      yaxis: { title: { text: axis[1] }, tickformat: '.0%' },
      legend: { orientation: 'h', x: 0.5, xanchor: 'center', y: -0.2 },
    },
  };
}

/** Exponential moving average with its start corrected for, as Adam's moments are. */
export function smooth(values: number[], keep = 0.9): number[] {
  let average = 0;
  return values.map((value, i) => {
    average = keep * average + (1 - keep) * value;
    return average / (1 - keep ** (i + 1));
  });
}

type Trace = Record<string, unknown>;

function line(
  name: string,
  x: number[],
  y: (number | null)[],
  color: string,
  xaxis: string,
  yaxis: string,
): Trace {
  return { ...thin(name, x, y, color, xaxis, yaxis), mode: 'lines+markers' };
}

function thin(
  name: string,
  x: number[],
  y: (number | null)[],
  color: string,
  xaxis: string,
  yaxis: string,
): Trace {
  return { type: 'scatter', mode: 'lines', name, x, y, line: { color }, xaxis, yaxis };
}

/** One legend entry a name, though each name stands in both plots. */
function namedOnce(traces: Trace[]): Trace[] {
  return traces.map((trace) => ({
    ...trace,
    legendgroup: trace.name,
    showlegend: trace.xaxis === 'x',
  }));
}

function twoPlots(
  title: string,
  unit: string,
  ticks: Record<string, unknown>,
): Record<string, unknown> {
  return {
    title: { text: title },
    height: 400,
    grid: { rows: 1, columns: 2, pattern: 'independent' },
    xaxis: { title: { text: unit }, ...ticks },
    xaxis2: { title: { text: unit }, ...ticks },
    yaxis: { title: { text: 'Loss (cross-entropy)' }, rangemode: 'tozero' },
    yaxis2: { title: { text: 'Accuracy (%)' } },
    legend: { orientation: 'h', x: 0.5, xanchor: 'center', y: -0.2 },
  };
}
