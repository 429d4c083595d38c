/**
 * A Plotly figure as a static picture, for viewers that run no script: GitHub's view of a notebook, Markdown,
 * PDF. It draws what the figures of `figures.ts` are made of (lines, bars, heat maps, in one plot or two side
 * by side) and leaves out what it does not know. Plotly itself draws only where there is a browser.
 */
import type { Figure } from './figures';
import { escapeHtml } from './format';

interface Trace {
  type?: string;
  name?: string;
  x: (string | number)[];
  y: (string | number | null)[];
  z?: number[][];
  text?: string[] | string[][];
  mode?: string;
  xaxis?: string;
  yaxis?: string;
  showlegend?: boolean;
  line?: { color?: string; dash?: string };
  marker?: { color?: string | string[] };
  colorscale?: [number, string][];
}

interface AxisLayout {
  title?: { text?: string };
  type?: string;
  range?: [number, number];
  rangemode?: string;
  autorange?: string;
  tickformat?: string;
  dtick?: number;
}

/** From values to pixels, and the ticks between. */
interface Axis {
  at: (value: string | number) => number;
  ticks: { at: number; text: string }[];
  /** Pixels of one category. */
  band: number;
  /** Where the axis begins, in pixels. */
  start: number;
}

const COLORS = ['#1f77b4', '#ff7f0e', '#2ca02c', '#d62728', '#9467bd'];
const INK = '#2a3f5f';
const GRID = '#e3e8f0';
const MARGIN = { top: 50, right: 20, bottom: 80, left: 70 };
const GUTTER = 80;

/** An SVG with a title for those who cannot see it. `alt` says what it shows. */
export function figureSvg(figure: Figure, alt: string): string {
  const { layout } = figure;
  const traces = figure.data as unknown as Trace[];
  const width = Number(layout.width ?? 820);
  const height = Number(layout.height ?? 400);
  const columns = layout.grid ? 2 : 1;
  const inner = width - MARGIN.left - MARGIN.right - (columns - 1) * GUTTER;
  const plots = Array.from({ length: columns }, (_, column) => {
    const suffix = column === 0 ? '' : String(column + 1);
    const box = {
      left: MARGIN.left + column * (inner / columns + GUTTER),
      top: MARGIN.top,
      width: inner / columns,
      height: height - MARGIN.top - MARGIN.bottom,
    };
    const inPlot = traces.filter(({ xaxis = 'x' }) => xaxis === `x${suffix}`);
    const [x, y] = ['xaxis', 'yaxis'].map((name) => (layout[name + suffix] ?? {}) as AxisLayout);
    return plot(inPlot, x, y, box, traces);
  });
  const title = (layout.title as { text?: string } | undefined)?.text ?? '';
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" font-family="sans-serif" font-size="12" fill="${INK}">`,
    `<title>${escapeHtml(alt)}</title>`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    text(width / 2, 28, title, 'text-anchor="middle" font-size="16"'),
    ...plots,
    legend(traces, width, height),
    '</svg>',
  ].join('');
}

interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
}

function plot(traces: Trace[], x: AxisLayout, y: AxisLayout, box: Box, all: Trace[]): string {
  const across = axisOf(
    traces.flatMap((trace) => trace.x),
    x,
    [box.left, box.left + box.width],
    traces.some(({ type }) => type !== 'scatter'),
  );
  const up = axisOf(
    traces.flatMap((trace) => trace.y),
    traces.some(({ type }) => type === 'bar') ? { rangemode: 'tozero', ...y } : y,
    [box.top + box.height, box.top],
    traces.some(({ type }) => type === 'heatmap'),
  );
  const bottom = box.top + box.height;
  const isHeatmap = traces.some(({ type }) => type === 'heatmap');
  const parts = [
    ...(isHeatmap ? [] : up.ticks).map(
      ({ at }) =>
        `<path d="M${box.left} ${round(at)}h${round(box.width)}" stroke="${GRID}" fill="none"/>`,
    ),
    ...up.ticks.map((tick) => text(box.left - 8, tick.at + 4, tick.text, 'text-anchor="end"')),
    ...across.ticks.map((tick) => text(tick.at, bottom + 18, tick.text, 'text-anchor="middle"')),
    text(box.left + box.width / 2, bottom + 38, x.title?.text ?? '', 'text-anchor="middle"'),
    text(0, 0, y.title?.text ?? '', [
      'text-anchor="middle"',
      `transform="translate(${box.left - 50} ${box.top + box.height / 2}) rotate(-90)"`,
    ]),
  ];
  const bars = traces.filter(({ type }) => type === 'bar');
  for (const trace of traces) {
    const color = colorOf(trace, all);
    if (trace.type === 'bar') parts.push(barsOf(trace, bars, across, up, color));
    else if (trace.type === 'heatmap') parts.push(cellsOf(trace, across, up));
    else if (trace.type === 'scatter') parts.push(lineOf(trace, across, up, color));
  }
  return parts.join('');
}

function lineOf(trace: Trace, across: Axis, up: Axis, color: string): string {
  const mode = trace.mode ?? 'lines';
  const points = trace.x.map((x, i) => {
    const y = trace.y[i];
    return y === null || !Number.isFinite(y) ? undefined : [round(across.at(x)), round(up.at(y))];
  });
  const parts: string[] = [];
  if (mode.includes('lines')) {
    const path = points.map((point, i) =>
      point ? `${i > 0 && points[i - 1] ? 'L' : 'M'}${point[0]} ${point[1]}` : '',
    );
    const dash = trace.line?.dash ? ' stroke-dasharray="6 5"' : '';
    parts.push(
      `<path d="${path.join('')}" fill="none" stroke="${color}" stroke-width="2"${dash}/>`,
    );
  }
  if (mode.includes('markers')) {
    for (const point of points) {
      if (point) parts.push(`<circle cx="${point[0]}" cy="${point[1]}" r="4" fill="${color}"/>`);
    }
  }
  return parts.join('');
}

function barsOf(trace: Trace, bars: Trace[], across: Axis, up: Axis, color: string): string {
  const width = (0.8 * across.band) / bars.length;
  const shift = (bars.indexOf(trace) - bars.length / 2) * width;
  const floor = up.start;
  const colors = trace.marker?.color;
  return trace.x
    .map((x, i) => {
      const y = trace.y[i];
      if (y === null) return '';
      const [left, top] = [across.at(x) + shift, Math.min(floor, up.at(y))];
      const fill = Array.isArray(colors) ? colors[i] : color;
      const label = (trace.text as string[] | undefined)?.[i];
      return (
        `<rect x="${round(left)}" y="${round(top)}" width="${round(width)}" height="${round(floor - top)}" fill="${fill}"/>` +
        (label ? text(left + width / 2, top - 5, label, 'text-anchor="middle" font-size="11"') : '')
      );
    })
    .join('');
}

function cellsOf(trace: Trace, across: Axis, up: Axis): string {
  const scale = trace.colorscale ?? [
    [0, '#ffffff'],
    [1, COLORS[0]],
  ];
  return (trace.z ?? [])
    .flatMap((row, r) =>
      row.map((share, c) => {
        const [x, y] = [across.at(trace.x[c]), up.at(trace.y[r] as string)];
        const label = (trace.text as string[][] | undefined)?.[r][c] ?? '';
        return (
          `<rect x="${round(x - across.band / 2)}" y="${round(y - up.band / 2)}" width="${round(across.band)}" height="${round(up.band)}" fill="${scale[scale.length - 1][1]}" fill-opacity="${round(share)}" stroke="${GRID}"/>` +
          text(
            x,
            y + 4,
            label,
            `text-anchor="middle"${share > 0.5 ? ' fill="#ffffff"' : ''} font-size="11"`,
          )
        );
      }),
    )
    .join('');
}

function legend(traces: Trace[], width: number, height: number): string {
  const named = traces.filter(({ name, showlegend }) => name && showlegend !== false);
  if (named.length < 2) return '';
  const widths = named.map(({ name }) => 44 + 7 * name!.length);
  let x = (width - widths.reduce((a, b) => a + b, 0)) / 2;
  return named
    .map((trace, i) => {
      const start = x;
      x += widths[i];
      return (
        `<rect x="${round(start)}" y="${height - 20}" width="16" height="4" fill="${colorOf(trace, traces)}"/>` +
        text(start + 22, height - 13, trace.name!, '')
      );
    })
    .join('');
}

function colorOf(trace: Trace, all: Trace[]): string {
  const marker = trace.marker?.color;
  const own = trace.line?.color ?? (Array.isArray(marker) ? undefined : marker);
  return own ?? COLORS[all.indexOf(trace) % COLORS.length];
}

function axisOf(
  values: (string | number | null)[],
  layout: AxisLayout,
  [from, to]: [number, number],
  isDiscrete: boolean,
): Axis {
  const known = values.filter((value) => value !== null);
  if (layout.type === 'category' || (isDiscrete && known.some((v) => typeof v === 'string'))) {
    const categories = [...new Set(known.map(String))];
    if (layout.autorange === 'reversed') [from, to] = [to, from];
    const step = (to - from) / Math.max(1, categories.length);
    const at = (value: string | number) => from + (categories.indexOf(String(value)) + 0.5) * step;
    return {
      at,
      ticks: categories.map((c) => ({ at: at(c), text: c })),
      band: Math.abs(step),
      start: from,
    };
  }
  const isLog = layout.type === 'log';
  const numbers = (known as number[]).filter((v) => Number.isFinite(v) && (!isLog || v > 0));
  const own = numbers.length === 0 ? [0, 1] : isLog ? numbers.map(Math.log10) : numbers;
  let [low, high] = layout.range ?? [least(own), most(own)];
  if (!layout.range) {
    if (layout.rangemode === 'tozero') [low, high] = [Math.min(0, low), Math.max(0, high)];
    if (low === high) [low, high] = [low - 0.5, high + 0.5];
    else if (layout.rangemode === 'tozero') high += 0.05 * (high - low);
    else [low, high] = [low - 0.04 * (high - low), high + 0.04 * (high - low)];
  }
  const step = layout.dtick ? Math.max(layout.dtick, niceStep(high - low)) : niceStep(high - low);
  const place = (value: number) => from + ((value - low) / (high - low)) * (to - from);
  const first = Math.ceil(low / step - 1e-9);
  const ticks: Axis['ticks'] = [];
  for (let i = first; i * step <= high + 1e-9 * step; i++) {
    ticks.push({ at: place(i * step), text: tickText(i * step, step, layout, isLog) });
  }
  const at = (value: string | number) =>
    place(isLog ? Math.log10(Math.max(Number(value), 10 ** low)) : Number(value));
  const band = Math.abs(to - from) / Math.max(1, new Set(numbers).size);
  return { at, ticks, band, start: from };
}

function tickText(value: number, step: number, layout: AxisLayout, isLog: boolean): string {
  if (isLog) return Number((10 ** value).toPrecision(2)).toString();
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  if (layout.tickformat?.endsWith('%')) return `${(100 * value).toFixed(Math.max(0, digits - 2))}%`;
  return Math.abs(value) >= 10_000 ? value.toLocaleString('en-US') : value.toFixed(digits);
}

/** 1, 2 or 5 times a power of ten, for some five ticks. */
function niceStep(range: number): number {
  const power = 10 ** Math.floor(Math.log10(range / 5));
  const factor = range / 5 / power;
  return power * (factor <= 1 ? 1 : factor <= 2 ? 2 : factor <= 5 ? 5 : 10);
}

const least = (values: number[]) =>
  values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
const most = (values: number[]) =>
  values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
const round = (value: number) => Math.round(10 * value) / 10;

function text(x: number, y: number, content: string, attributes: string | string[]): string {
  if (content === '') return '';
  const rest = [attributes].flat().join(' ');
  return `<text x="${round(x)}" y="${round(y)}" ${rest}>${escapeHtml(content.replace(/<br>/g, ' '))}</text>`;
}
