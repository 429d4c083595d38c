/**
 * Plotly figures as plain data: nothing here knows TensorFlow, Jupyter or Plotly's code.
 */

import { checkList } from '../errors';
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
  checkList('history', history);
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

/** Loss and accuracy per step (an update of the weights), with a running average over some ten steps. */
export function stepCurves(steps: StepRecord[], title = 'Training, step by step'): Figure {
  checkList('steps', steps);
  const numbers = steps.map(({ step }) => step);
  const faint = 'rgba(31, 119, 180, 0.3)';
  const loss = steps.map((s) => s.loss);
  const accuracy = steps.map((s) => 100 * s.accuracy);
  const data = [
    thin('One step', numbers, loss, faint, 'x', 'y'),
    thin('One step', numbers, accuracy, faint, 'x2', 'y2'),
    thin('Smoothed', numbers, smooth(loss), TRAIN, 'x', 'y'),
    thin('Smoothed', numbers, smooth(accuracy), TRAIN, 'x2', 'y2'),
  ];
  return { data: namedOnce(data), layout: twoPlots(title, 'Step', {}) };
}

/** Several loss curves in one plot, each smoothed over some ten steps. */
export function lossComparison(
  curves: { name: string; losses: number[] }[],
  title: string,
  axis = 'Update of the weights',
): Figure {
  checkList('curves', curves, 1);
  return {
    data: curves.map(({ name, losses }) => ({
      type: 'scatter',
      mode: 'lines',
      name,
      x: losses.map((_, i) => i + 1),
      y: smooth(losses),
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
  checkList('confusion', confusion);
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
  checkList('labels', labels);
  checkList('values', values, labels.length);
  checkList('axis', axis, 2);
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
  checkList('probabilities', probabilities, 1);
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

/** Exponential moving average with its start corrected for, as Adam's moments are. */
export function smooth(values: number[], keep = 0.9): number[] {
  checkList('values', values);
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
