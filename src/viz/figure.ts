/** What the figures share: Plotly figures as plain data. Nothing here knows TensorFlow, Jupyter or Plotly's code. */

/** The arguments of `Plotly.newPlot`. In Jupyter: `application/vnd.plotly.v1+json`. */
export interface Figure {
  data: Trace[];
  layout: Record<string, unknown>;
}

export type Trace = Record<string, unknown>;

/** Plotly's own colours. */
export const COLORS = [
  ...['#1f77b4', '#ff7f0e', '#2ca02c', '#d62728', '#9467bd'],
  ...['#8c564b', '#e377c2', '#7f7f7f', '#bcbd22', '#17becf'],
];
export const [BLUE, ORANGE] = COLORS;
/** Above the plot: below it, JupyterLab draws the legend over the axis title. */
export const LEGEND_ABOVE = {
  legend: { orientation: 'h', x: 0.5, xanchor: 'center', y: 1.02, yanchor: 'bottom' },
};

/** One plot with a title for the figure and for each axis. */
export function figure(
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
