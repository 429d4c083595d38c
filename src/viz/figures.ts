/** Figures of a network and its predictions: bars, heat maps, points. */
import { doubtOf } from '../doubt';
import type { CalibrationBin, ClassReport } from '../evaluate/index';
import type { LayerRow } from '../model/index';
import { BLUE, COLORS, type Figure, figure, LEGEND_ABOVE, ORANGE } from './figure';

const SHARE = { tickformat: '.0%' };
const CATEGORY = { type: 'category' };

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
      marker: { color: COLORS[i % COLORS.length], size: 6 },
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
export function confusionFigure(
  confusion: number[][],
  classes: readonly string[] = confusion.map((_, index) => String(index)),
  title = 'Confusion matrix',
): Figure {
  const worst = Math.max(1, ...confusion.flatMap((row, a) => row.filter((_, p) => a !== p)));
  const cells = (
    color: string,
    shadeOf: (count: number, a: number, p: number) => number | null,
  ) => ({
    type: 'heatmap',
    x: classes,
    y: classes,
    z: confusion.map((row, a) => row.map((count, p) => shadeOf(count, a, p))),
    // Plotly writes a text even where there is no cell.
    text: confusion.map((row, a) =>
      row.map((n, p) => (shadeOf(n, a, p) === null ? '' : String(n))),
    ),
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
  const verdict = `${doubtOf(probabilities) ? 'not sure: ' : ''}${best}, ${share}`;
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

function sum(values: number[]): number {
  return values.reduce((a, b) => a + b, 0);
}
