/**
 * Shows figures, images and tables below a notebook cell. The only file that uses tslab.
 *
 * tslab's `display` sends a single MIME type. The function it is built on, `lastWriteDisplayData`, sends several at
 * once, and each viewer picks the best one it supports.
 */
import { randomUUID } from 'node:crypto';
import { turnEventLoop } from '../interrupt';
import { type Progress, type ProgressListener, progressOf } from '../progress';
import type { EpochRecord } from '../train/index';
import { barsDrawing, type Drawing } from './drawings';
import type { Figure } from './figure';
import { escapeHtml, percent, plainTable } from './format';
import { localised, localisedFigure } from './language';
import { figureSvg } from './picture';
import { progressLine } from './progress';

interface DisplayMessage {
  data: Record<string, unknown>;
  metadata: Record<string, unknown>;
  transient: { display_id?: string };
}

/** Shows a Plotly figure: interactive in JupyterLab, VS Code and the HTML pages, an SVG where no scripts run. */
export function showFigure(figure: Figure): void {
  send(figureBundle(figure));
}

/** The figure as Plotly JSON, as an SVG and as text, by MIME type. */
export function figureBundle(original: Figure): Record<string, unknown> {
  const figure = localisedFigure(original);
  const alt = altText(figure);
  return {
    'application/vnd.plotly.v1+json': { data: figure.data, layout: figure.layout },
    // Not a PNG: JupyterLab would show it instead of the figure.
    'image/svg+xml': figureSvg(figure, alt),
    'text/plain': alt,
  };
}

/** Describes a figure in words for screen readers: its title, axes and curves. */
export function altText({ data, layout }: Figure): string {
  const title = (value: unknown) =>
    (value as { title?: { text?: string } } | undefined)?.title?.text;
  const plots = ['', '2'].map((suffix) => [
    title(layout[`yaxis${suffix}`]),
    title(layout[`xaxis${suffix}`]),
  ]);
  const axes = plots
    .filter(([y, x]) => y && x)
    .map(([y, x]) => localised(`${y} by ${x}`))
    .join(localised('; '));
  const names = [...new Set(data.flatMap(({ name }) => (name ? [name as string] : [])))];
  const heading = title(layout) ?? 'untitled';
  return [localised(`Figure: ${heading}`), axes, names.join(localised(', '))]
    .filter(Boolean)
    .join(localised('. '));
}

/** Shows a PNG. `description` is its alt text. */
export function showImage(png: Buffer, description: string): void {
  const alt = localised(description);
  send({ 'image/png': png.toString('base64'), 'text/plain': alt }, { 'image/png': { alt } });
}

/** Shows a drawing. With `update`, replaces the drawing shown with the same `id`. */
export function showDrawing({ svg, description }: Drawing, id?: string, update = false): void {
  send({ 'image/svg+xml': svg, 'text/plain': description }, {}, id, update);
}

/** Shows how the probabilities of one image, `actual` in orange, change: call the function it returns after steps. */
export function showBars(actual: number, predict: () => number[]): (title: string) => void {
  const id = randomUUID();
  const moments: { title: string; probabilities: number[] }[] = [];
  return (title) => {
    moments.push({ title: localised(title), probabilities: predict() });
    const description = localised(
      `Probabilities of the ten digits for a ${actual}, during training`,
    );
    showDrawing(barsDrawing(moments, actual, description), id, moments.length > 1);
  };
}

/** Shows a table. Numbers are right-aligned, with thousands separators. */
export function showTable(headings: string[], rows: (string | number)[][]): void {
  const cells = (row: (string | number)[], tag: string) =>
    row
      .map(
        (value) =>
          `<${tag} style="text-align: ${typeof value === 'number' ? 'right' : 'left'}">${escapeHtml(localised(text(value)))}</${tag}>`,
      )
      .join('');
  const html =
    `<table><thead><tr>${cells(headings, 'th')}</tr></thead>` +
    `<tbody>${rows.map((row) => `<tr>${cells(row, 'td')}</tr>`).join('')}</tbody></table>`;
  send({
    'text/html': html,
    'text/plain': plainTable([headings, ...rows].map((row) => row.map(text))),
  });
}

/** Shows loss, accuracy and speed as a table, one row per epoch. */
export function showEpochs(history: EpochRecord[]): void {
  showTable(
    ['Epoch', 'Train loss', 'Train accuracy', 'Validation loss', 'Validation accuracy', 'Images/s'],
    history.map((e) => [
      String(e.epoch),
      e.trainLoss.toFixed(4),
      percent(e.trainAccuracy),
      e.valLoss === null ? '–' : e.valLoss.toFixed(4),
      e.valAccuracy === null ? '–' : percent(e.valAccuracy),
      e.imagesPerSecond.toFixed(0),
    ]),
  );
}

/** A listener that shows one progress line per task below the cell and keeps it up to date. */
export function showProgress(): ProgressListener {
  let id: string | undefined;
  let label: string | undefined;
  let last = 0;
  return (progress: Progress) => {
    const isNew = progress.label !== label;
    const finished = progress.done >= progress.total;
    const now = performance.now();
    if (!isNew && !finished && now - last < 500) return;
    if (isNew) id = randomUUID();
    last = now;
    send({ 'text/plain': progressLine(progress) }, {}, id, !isNew);
    label = finished ? undefined : progress.label;
  };
}

/** tqdm for a notebook: `for await (const batch of tqdm(batches, 'Epoch 1'))` shows how far the loop has come. */
export async function* tqdm<T>(
  items: readonly T[],
  label: string,
  unit = 'batch',
): AsyncGenerator<T> {
  const report = progressOf({ label, total: items.length, unit }, showProgress());
  const show = (done: number) => {
    report(done);
    return turnEventLoop();
  };
  for (const [i, item] of items.entries()) {
    if (i === 0) await show(0);
    yield item;
    await show(i + 1);
  }
}

/** Adds an output to the cell, given by MIME type. With `update`, replaces the output that has the same `id`. */
export function send(
  data: Record<string, unknown>,
  metadata: Record<string, unknown> = {},
  id?: string,
  update = false,
): void {
  const { lastWriteDisplayData } = require('tslab/dist/jupyter') as {
    lastWriteDisplayData: ((message: DisplayMessage, update: boolean) => void) | null;
  };
  if (!lastWriteDisplayData) {
    throw new Error('The show functions work only in a notebook cell');
  }
  lastWriteDisplayData({ data, metadata, transient: { display_id: id } }, update);
}

function text(value: string | number): string {
  return typeof value === 'number' ? value.toLocaleString('en-US') : value;
}
