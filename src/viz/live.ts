/**
 * Curves that grow during training.
 *
 * JupyterLab draws a Plotly output only once. So during training the output is HTML, and every few seconds the
 * progress line below it carries a script that redraws the curves in place (`live-page.js`). At the end the output
 * becomes an ordinary Plotly figure, so that saved notebooks contain no scripts.
 */
import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import type { Progress, ProgressListener } from '../progress';
import { root } from '../root';
import { stepProgress, type TrainCallbacks } from '../train/index';
import { stepCurves } from './curves';
import type { Figure } from './figure';
import { escapeHtml } from './format';
import { localisedFigure } from './language';
import { figureSvg } from './picture';
import { progressLine } from './progress';
import { altText, figureBundle, send } from './show';

export interface LiveOptions {
  title?: string;
  /** Seconds between two drawings of the curves. */
  seconds?: number;
}

/**
 * Callbacks for `train` and `trainRun` that show progress and curves below the cell:
 * `trainRun(folder, model, set, { …, ...showTraining() })`.
 */
export function showTraining(
  options: LiveOptions = {},
): Required<Pick<TrainCallbacks, 'onStep' | 'onEpoch'>> & { onProgress: ProgressListener } {
  const { title = 'Training', seconds = 2 } = options;
  const id = `training-${randomUUID()}`;
  const lines = { epoch: '', validation: '' };
  const line = { text: '', shown: 0 };
  const curves = { drawn: 0, isNew: true };

  const showLine = (figure?: Figure) => {
    // Always HTML with the same lines, so that the page does not jump when a script comes along.
    const html = `<pre>${escapeHtml(Object.values(lines).join('\n'))}</pre>`;
    const script = figure ? `<script>${scriptFor(id, figure)}</script>` : '';
    const data = { 'text/html': html + script, 'text/plain': line.text };
    send(data, {}, `${id}-line`, !curves.isNew);
    line.shown = performance.now();
  };
  const show = (english: Figure, isLast: boolean) => {
    const figure = localisedFigure(english);
    if (isLast || curves.isNew) {
      const picture = figureSvg(figure, altText(figure));
      const bundle = isLast
        ? figureBundle(figure)
        : { 'text/html': `<div id="${id}">${picture}</div>`, 'text/plain': altText(figure) };
      send(bundle, {}, id, !curves.isNew);
    }
    showLine(isLast ? undefined : figure);
    curves.isNew = false;
    curves.drawn = performance.now();
  };

  const onProgress = (progress: Progress) => {
    line.text = progressLine(progress);
    const isEpoch = progress.label !== 'Validating';
    if (isEpoch && !lines.epoch.startsWith(progress.label)) lines.validation = ''; // a new epoch
    lines[isEpoch ? 'epoch' : 'validation'] = line.text;
    const isOver = progress.done >= progress.total;
    if (!curves.isNew && (isOver || performance.now() - line.shown > 500)) showLine();
  };
  return {
    onProgress, // for validation; `onStep` covers training
    onStep(training) {
      const { steps, epochs } = training.history;
      onProgress(stepProgress(training));
      if (!curves.isNew && performance.now() - curves.drawn < 1000 * seconds) return;
      show(stepCurves(steps, title, epochs), false);
    },
    onEpoch(_record, { history }, isLast) {
      show(stepCurves(history.steps, title, history.epochs), isLast);
    },
  };
}

/** A script that redraws the figure in the page. */
function scriptFor(id: string, figure: Figure): string {
  const drawing = JSON.stringify({ id, figure, picture: figureSvg(figure, altText(figure)) });
  const code = fs.readFileSync(path.join(root, 'src', 'viz', 'live-page.js'), 'utf8');
  return `${code}drawLive(${drawing.replace(/</g, '\\u003c')})`;
}
