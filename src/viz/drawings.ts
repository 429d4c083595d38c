/** Drawings that explain, as SVG: matrices of numbers, the layers of a network, and probabilities that change. */
import type { LayerRow } from '../model/index';
import { escapeHtml } from './format';
import { localised } from './language';
import { round, text } from './svg';

/** An SVG, and what it shows in words. */
export interface Drawing {
  svg: string;
  description: string;
}

export interface Matrix {
  /** [rows][columns] */
  values: number[][];
  title?: string;
  /** The values drawn black and white. Default: from the smallest to the largest. */
  range?: [number, number];
  /** The cells inside an orange frame: top row, left column, height, width. */
  frame?: [number, number, number, number];
  /** Cells on each side that are padding. They are drawn with dashed lines. */
  padding?: number;
  /** Decimal places of the numbers. */
  digits?: number;
}

const INK = '#2a3f5f';
const BLUE = '#1f77b4';
const ORANGE = '#e8710a';
const CELL = 30;
const GAP = 16;
const TITLE = 24;

/** Matrices with their numbers, side by side, with signs between them: `[image, '∗', kernel, '=', result]`. */
export function matrixDrawing(parts: (Matrix | string)[], description: string): Drawing {
  const rows = Math.max(
    ...parts.map((part) => (typeof part === 'string' ? 1 : part.values.length)),
  );
  const middle = TITLE + (rows * CELL) / 2;
  let x = GAP;
  const shapes = parts.map((part) => {
    const left = x;
    if (typeof part === 'string') {
      x += 24 + GAP;
      return text(left + 12, middle + 8, part, 'font-size="24" text-anchor="middle"');
    }
    const top = middle - (part.values.length * CELL) / 2;
    const width = part.values[0].length * CELL;
    const title = localised(part.title ?? '');
    const column = Math.max(width, 7 * title.length);
    x += column + GAP;
    return (
      text(left + column / 2, top - 8, title, 'text-anchor="middle"') +
      cells(part, left + (column - width) / 2, top)
    );
  });
  return drawing(x, TITLE + rows * CELL + GAP, description, shapes);
}

function cells(
  { values, range, frame, padding = 0, digits = 0 }: Matrix,
  left: number,
  top: number,
) {
  const all = values.flat();
  const least = all.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const [low, high] = range ?? [least, all.reduce((a, b) => Math.max(a, b), least)];
  const [height, width] = [values.length, values[0].length];
  const parts = values.flatMap((row, r) =>
    row.map((value, c) => {
      const share = Math.min(1, Math.max(0, (value - low) / (high - low || 1)));
      const grey = Math.round(255 * share);
      const isPadding = Math.min(r, c) < padding || r >= height - padding || c >= width - padding;
      const [x, y] = [left + c * CELL, top + r * CELL];
      const dashes = isPadding ? ' stroke-dasharray="3 3"' : '';
      const label = text(
        x + CELL / 2,
        y + CELL / 2 + 4,
        (Object.is(value, -0) ? 0 : value).toFixed(digits).replace('-', '−'),
        `font-size="11" text-anchor="middle" fill="${share > 0.5 ? '#000000' : '#ffffff'}"`,
      );
      return `<rect x="${x}" y="${y}" width="${CELL}" height="${CELL}" fill="rgb(${grey},${grey},${grey})" stroke="#8a94a6"${dashes}/>${label}`;
    }),
  );
  if (frame) {
    const [r, c, h, w] = frame;
    parts.push(
      `<rect x="${left + c * CELL}" y="${top + r * CELL}" width="${w * CELL}" height="${h * CELL}" fill="none" stroke="${ORANGE}" stroke-width="4"/>`,
    );
  }
  return parts.join('');
}

/**
 * The sizes of a network's layers: one block per layer, its height for the image's side, its width for the channels
 * (both on a square-root scale). Flatten and dropout are left out.
 */
export function networkDrawing(
  input: [height: number, width: number, channels: number],
  table: readonly LayerRow[],
  description: string,
): Drawing {
  const rows = [
    { name: 'input', outputShape: [...input] },
    ...table.filter(({ name, parameters }) => parameters > 0 || name.startsWith('pool')),
  ];
  const [height, base] = [250, 200];
  let x = GAP;
  const shapes = rows.map(({ name, outputShape }) => {
    const isImage = outputShape.length === 3;
    const tall = 11 * Math.sqrt(isImage ? outputShape[0] : outputShape[0] / 32);
    const wide = isImage ? 4 + 1.6 * Math.sqrt(outputShape[2]) : 8;
    const column = Math.max(wide, 68);
    const left = x + (column - wide) / 2;
    x += column + 4;
    const color = isImage ? (name.startsWith('pool') ? '#9ecae1' : BLUE) : ORANGE;
    const centre = left + wide / 2;
    return (
      `<rect x="${round(left)}" y="${round(base - tall)}" width="${round(wide)}" height="${round(tall)}" fill="${color}" stroke="${INK}"/>` +
      text(centre, base - tall - 8, outputShape.join('×'), 'font-size="10" text-anchor="middle"') +
      text(centre, base + 18, name, 'text-anchor="middle"')
    );
  });
  return drawing(x + GAP, height, description, shapes);
}

/** The probabilities of the classes at several moments, `actual` in orange. */
export function barsDrawing(
  moments: { title: string; probabilities: number[] }[],
  actual: number,
  description: string,
): Drawing {
  const [columns, bar, tall] = [4, 18, 90];
  const wide = 10 * bar + 2 * GAP;
  const rows = Math.ceil(moments.length / columns);
  const each = tall + 2 * TITLE + GAP;
  const shapes = moments.map(({ title, probabilities }, i) => {
    const left = GAP + (i % columns) * wide;
    const bottom = Math.floor(i / columns) * each + TITLE + tall + GAP;
    const bars = probabilities.map((probability, label) => {
      const [x, size] = [left + label * bar, tall * probability];
      const color = label === actual ? ORANGE : BLUE;
      return (
        `<rect x="${x + 1}" y="${round(bottom - size)}" width="${bar - 2}" height="${round(size)}" fill="${color}"/>` +
        text(x + bar / 2, bottom + 14, String(label), 'font-size="11" text-anchor="middle"')
      );
    });
    const share = `${(100 * probabilities[actual]).toFixed(0)}%`;
    return [
      text(left + 5 * bar, bottom - tall - 8, `${title}: ${share}`, 'text-anchor="middle"'),
      `<path d="M${left} ${bottom}h${10 * bar}" stroke="${INK}"/>`,
      ...bars,
    ].join('');
  });
  return drawing(Math.min(columns, moments.length) * wide + GAP, rows * each, description, shapes);
}

function drawing(width: number, height: number, about: string, parts: string[]): Drawing {
  const description = localised(about);
  const [w, h] = [round(width), round(height)];
  const svg = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${w} ${h}" width="${w}" height="${h}" role="img" font-family="sans-serif" font-size="13" fill="${INK}">`,
    `<title>${escapeHtml(description)}</title>`,
    `<rect width="${w}" height="${h}" rx="6" fill="#ffffff"/>`,
    ...parts,
    '</svg>',
  ].join('');
  return { svg, description };
}
