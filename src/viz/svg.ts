/** Parts of SVG. */
import { escapeHtml } from './format';

/** To tenths of a pixel. */
export function round(value: number): number {
  return Math.round(10 * value) / 10;
}

/** A text that begins at (x, y); nothing if it is empty. Line breaks of Plotly become spaces. */
export function text(x: number, y: number, content = '', attributes = ''): string {
  if (content === '') return '';
  const plain = escapeHtml(content.replace(/<br>/g, ' '));
  return `<text x="${round(x)}" y="${round(y)}" ${attributes}>${plain}</text>`;
}
