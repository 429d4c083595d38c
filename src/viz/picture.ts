/**
 * Draws a Plotly figure as an SVG, for viewers that run no scripts: GitHub, Markdown, PDF. Plotly itself needs a
 * browser. Draws what the figures of this folder consist of (lines, bars and heat maps, in one plot or in two
 * side by side) and ignores everything else.
 */
import { COLORS, type Figure } from './figure';
import { escapeHtml } from './format';
import { round, text } from './svg';

interface TraceData {
  type?: string;
  name?: string;
  x: (string | number)[];
  y: (string | number | null)[];
  z?: (number | null)[][];
  text?: string[] | string[][];
  mode?: string;
  xaxis?: string;
  showlegend?: boolean;
  line?: { color?: string; dash?: string };
  marker?: { color?: string | string[]; size?: number | number[] };
  colorscale?: [number, string][];
}

interface Trace extends TraceData {
  color: string;
}

interface AxisLayout {
  title?: { text?: string };
  type?: string;
  range?: [number, number];
  rangemode?: string;
  autorange?: string;
  tickformat?: string;
  showticklabels?: boolean;
  dtick?: number;
}

interface Axis {
  /** The pixel of a value. */
  at: (value: string | number) => number;
  ticks: { at: number; text: string }[];
  /** Pixels per category. */
  band: number;
}

/** Pixels: where an axis starts and ends. */
type Span = [from: number, to: number];

const INK = '#2a3f5f';
const GRID = '#e3e8f0';
const MARGIN = { top: 70, right: 20, bottom: 60, left: 70 };
const GUTTER = 80;
const MIDDLE = 'text-anchor="middle"';

/** Draws the figure as an SVG with `alt` as its title. */
export function figureSvg({ data, layout }: Figure, alt: string): string {
  const width = Number(layout.width ?? 820);
  const height = Number(layout.height ?? 400);
  const columns = layout.grid ? 2 : 1;
  const plotWidth = (width - MARGIN.left - MARGIN.right - (columns - 1) * GUTTER) / columns;
  const traces = (data as unknown as TraceData[]).map((trace, i): Trace => {
    const marker = trace.marker?.color;
    const color = trace.line?.color ?? (Array.isArray(marker) ? undefined : marker);
    return { ...trace, color: color ?? COLORS[i % COLORS.length] };
  });
  const plots = ['', '2'].slice(0, columns).map((suffix, column) => {
    const left = MARGIN.left + column * (plotWidth + GUTTER);
    return plot(
      traces.filter(({ xaxis = 'x' }) => xaxis === `x${suffix}`),
      (layout[`xaxis${suffix}`] ?? {}) as AxisLayout,
      (layout[`yaxis${suffix}`] ?? {}) as AxisLayout,
      [left, left + plotWidth],
      [height - MARGIN.bottom, MARGIN.top],
    );
  });
  const title = (layout.title as { text?: string } | undefined)?.text;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" font-family="sans-serif" font-size="12" fill="${INK}">`,
    `<title>${escapeHtml(alt)}</title>`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    text(width / 2, 28, title, `${MIDDLE} font-size="16"`),
    ...plots,
    legend(traces, width),
    '</svg>',
  ].join('');
}

function plot(traces: Trace[], x: AxisLayout, y: AxisLayout, across: Span, up: Span): string {
  const [[left, right], [bottom, top]] = [across, up];
  const bars = traces.filter(({ type }) => type === 'bar');
  const isHeatmap = traces.some(({ type }) => type === 'heatmap');
  const category = { type: 'category' };
  const xAxis = axisOf(
    traces.flatMap((trace) => trace.x),
    bars.length > 0 || isHeatmap ? { ...category, ...x } : x,
    across,
  );
  const yAxis = axisOf(
    traces.flatMap((trace) => trace.y),
    { ...(isHeatmap && category), ...(bars.length > 0 && { rangemode: 'tozero' }), ...y },
    up,
  );
  const parts = [
    ...(isHeatmap ? [] : yAxis.ticks).map(
      ({ at }) =>
        `<path d="M${left} ${round(at)}h${round(right - left)}" stroke="${GRID}" fill="none"/>`,
    ),
    ...labelled(y, yAxis).map((tick) =>
      text(left - 8, tick.at + 4, tick.text, 'text-anchor="end"'),
    ),
    ...labelled(x, xAxis).map((tick) => text(tick.at, bottom + 18, tick.text, MIDDLE)),
    text((left + right) / 2, bottom + 38, x.title?.text, MIDDLE),
    text(
      0,
      0,
      y.title?.text,
      `${MIDDLE} transform="translate(${round(left - 50)} ${(top + bottom) / 2}) rotate(-90)"`,
    ),
  ];
  for (const trace of traces) {
    if (trace.type === 'bar') parts.push(barsOf(trace, bars, xAxis, yAxis, bottom));
    else if (trace.type === 'heatmap') parts.push(cellsOf(trace, xAxis, yAxis));
    else if (trace.type === 'scatter') parts.push(lineOf(trace, xAxis, yAxis));
  }
  return parts.join('');
}

function labelled({ showticklabels = true }: AxisLayout, { ticks }: Axis): Axis['ticks'] {
  return showticklabels ? ticks : [];
}

function lineOf(trace: Trace, xAxis: Axis, yAxis: Axis): string {
  const { mode = 'lines', color } = trace;
  const points = trace.x.map((x, i) => {
    const y = trace.y[i];
    if (y === null || !Number.isFinite(y)) return undefined;
    return [round(xAxis.at(x)), round(yAxis.at(y))];
  });
  const parts: string[] = [];
  if (mode.includes('lines')) {
    const path = points.map(
      (point, i) => point && `${points[i - 1] ? 'L' : 'M'}${point.join(' ')}`,
    );
    const dash = trace.line?.dash ? ' stroke-dasharray="6 5"' : '';
    parts.push(
      `<path d="${path.join('')}" fill="none" stroke="${color}" stroke-width="2"${dash}/>`,
    );
  }
  if (mode.includes('markers')) {
    const { size = 8 } = trace.marker ?? {};
    points.forEach((point, i) => {
      const radius = (Array.isArray(size) ? size[i] : size) / 2;
      if (!point) return;
      parts.push(
        `<circle cx="${point[0]}" cy="${point[1]}" r="${round(radius)}" fill="${color}" fill-opacity="0.8"/>`,
      );
    });
  }
  return parts.join('');
}

function barsOf(trace: Trace, bars: Trace[], xAxis: Axis, yAxis: Axis, bottom: number): string {
  const width = (0.8 * xAxis.band) / bars.length;
  const shift = (bars.indexOf(trace) - bars.length / 2) * width;
  const colors = trace.marker?.color;
  return trace.x
    .map((x, i) => {
      const y = trace.y[i];
      if (y === null) return '';
      const [left, top] = [xAxis.at(x) + shift, Math.min(bottom, yAxis.at(y))];
      const color = Array.isArray(colors) ? colors[i] : trace.color;
      const label = text(
        left + width / 2,
        top - 5,
        trace.text?.[i] as string | undefined,
        `${MIDDLE} font-size="11"`,
      );
      return rectangle([left, left + width], [bottom, top], `fill="${color}"`) + label;
    })
    .join('');
}

function cellsOf(trace: Trace, xAxis: Axis, yAxis: Axis): string {
  const color = trace.colorscale?.at(-1)?.[1] ?? trace.color;
  const cell = (share: number, row: number, column: number) => {
    const [x, y] = [xAxis.at(trace.x[column]), yAxis.at(trace.y[row] as string)];
    const [halfWidth, halfHeight] = [xAxis.band / 2, yAxis.band / 2];
    const white = share > 0.5 ? ' fill="#ffffff"' : '';
    return (
      rectangle(
        [x - halfWidth, x + halfWidth],
        [y + halfHeight, y - halfHeight],
        `fill="${color}" fill-opacity="${round(share)}" stroke="${GRID}"`,
      ) + text(x, y + 4, trace.text?.[row]?.[column], `${MIDDLE} font-size="11"${white}`)
    );
  };
  return (trace.z ?? [])
    .flatMap((row, r) => row.map((share, column) => (share === null ? '' : cell(share, r, column))))
    .join('');
}

function legend(traces: Trace[], width: number): string {
  const named = traces.filter(({ name, showlegend }) => name && showlegend !== false);
  if (named.length < 2) return '';
  const widths = named.map(({ name }) => 44 + 7 * name!.length);
  let x = (width - widths.reduce((a, b) => a + b, 0)) / 2;
  return named
    .map(({ name, color }, i) => {
      const start = x;
      x += widths[i];
      return (
        rectangle([start, start + 16], [54, 50], `fill="${color}"`) + text(start + 22, 57, name)
      );
    })
    .join('');
}

function axisOf(values: (string | number | null)[], layout: AxisLayout, span: Span): Axis {
  const known = values.filter((value) => value !== null);
  return layout.type === 'category' || known.some((value) => typeof value === 'string')
    ? categoryAxis([...new Set(known.map(String))], layout, span)
    : numberAxis(known as number[], layout, span);
}

function categoryAxis(categories: string[], { autorange }: AxisLayout, span: Span): Axis {
  const [from, to] = autorange === 'reversed' ? [span[1], span[0]] : span;
  const step = (to - from) / Math.max(1, categories.length);
  const at = (value: string | number) => from + (categories.indexOf(String(value)) + 0.5) * step;
  return { at, ticks: categories.map((c) => ({ at: at(c), text: c })), band: Math.abs(step) };
}

/** Linear or logarithmic. On a logarithmic axis, `low`, `high` and `step` are powers of ten, as in Plotly. */
function numberAxis(values: number[], layout: AxisLayout, [from, to]: Span): Axis {
  const isLog = layout.type === 'log';
  const finite = values.filter((v) => Number.isFinite(v) && (!isLog || v > 0));
  const [low, high] = layout.range ?? rangeOf(isLog ? finite.map(Math.log10) : finite, layout);
  const step = Math.max(layout.dtick ?? 0, niceStep(high - low));
  const place = (value: number) => from + ((value - low) / (high - low)) * (to - from);
  const at = (value: string | number) =>
    place(isLog ? Math.log10(Math.max(Number(value), 10 ** low)) : Number(value));
  const ticks: Axis['ticks'] = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) {
    ticks.push({ at: place(i * step), text: tickText(i * step, step, layout) });
  }
  return { at, ticks, band: 0 };
}

/** From the smallest to the largest value, with some room around them. */
function rangeOf(values: number[], { rangemode }: AxisLayout): [number, number] {
  const fromZero = rangemode === 'tozero';
  const all = values.length === 0 ? [0, 1] : fromZero ? [0, ...values] : values;
  const low = all.reduce((a, b) => Math.min(a, b));
  const high = all.reduce((a, b) => Math.max(a, b));
  if (low === high) return [low - 0.5, high + 0.5];
  if (fromZero) return [low, high + 0.05 * (high - low)];
  return [low - 0.04 * (high - low), high + 0.04 * (high - low)];
}

function tickText(value: number, step: number, { type, tickformat }: AxisLayout): string {
  if (type === 'log') return Number((10 ** value).toPrecision(2)).toString();
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  if (tickformat?.endsWith('%')) return `${(100 * value).toFixed(Math.max(0, digits - 2))}%`;
  return Math.abs(value) >= 10_000 ? value.toLocaleString('en-US') : value.toFixed(digits);
}

/** 1, 2 or 5 times a power of ten, for about five ticks. */
function niceStep(range: number): number {
  const power = 10 ** Math.floor(Math.log10(range / 5));
  const factor = range / 5 / power;
  return power * (factor <= 1 ? 1 : factor <= 2 ? 2 : factor <= 5 ? 5 : 10);
}

function rectangle([left, right]: Span, [bottom, top]: Span, attributes: string): string {
  return `<rect x="${round(left)}" y="${round(top)}" width="${round(right - left)}" height="${round(bottom - top)}" ${attributes}/>`;
}
