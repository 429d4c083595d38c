/**
 * Curves that grow while a training goes on.
 *
 * JupyterLab draws a Plotly output once and never again. So while it trains, the output is a piece of HTML that
 * holds the curves as a picture, and the line of progress beneath it brings, now and then, a script that
 * draws them anew in place: with Plotly, which the Jupyter server has among the project's files, else as a picture. At the
 * end the output becomes a Plotly figure as any other, so that a saved notebook holds no scripts.
 */
import { randomUUID } from 'node:crypto';
import type { Progress, ProgressListener } from '../progress';
import { stepProgress, type TrainCallbacks } from '../train/index';
import { type Figure, stepCurves } from './figures';
import { escapeHtml } from './format';
import { figureSvg } from './picture';
import { progressLine } from './progress';
import { altText, figureBundle, send } from './show';

export interface LiveOptions {
  title?: string;
  /** Between two drawings of the curves. */
  seconds?: number;
}

/**
 * Listeners for `train` and `trainRun` that keep a line of progress and the curves up to date under the cell:
 * `trainRun(folder, model, set, { …, ...showTraining() })`.
 */
export function showTraining(
  options: LiveOptions = {},
): Required<Pick<TrainCallbacks, 'onStep' | 'onEpoch'>> & { onProgress: ProgressListener } {
  const { title = 'Training', seconds = 5 } = options;
  const id = `training-${randomUUID()}`;
  const line = { text: '', shown: 0 };
  const curves = { drawn: 0, isNew: true };

  const showLine = (figure?: Figure) => {
    const html =
      figure && `<pre>${escapeHtml(line.text)}</pre><script>${drawing(id, figure)}</script>`;
    send(
      { ...(html ? { 'text/html': html } : {}), 'text/plain': line.text },
      {},
      `${id}-line`,
      !curves.isNew,
    );
    line.shown = performance.now();
  };
  const show = (figure: Figure, isLast: boolean) => {
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
    const isOver = progress.done >= progress.total;
    if (!curves.isNew && (isOver || performance.now() - line.shown > 500)) showLine();
  };
  return {
    onProgress, // of the validation; the progress of the training comes with each step
    onStep(training) {
      const { steps, epochs } = training.history;
      onProgress(stepProgress(training));
      if (!curves.isNew && performance.now() - curves.drawn < 1000 * seconds) return;
      show(stepCurves(steps, title, epochs), false);
    },
    onEpoch(record, { history, settings }) {
      const isLast = history.interrupted || record.epoch === settings.epochs;
      show(stepCurves(history.steps, title, history.epochs), isLast);
    },
  };
}

/** What the page runs to draw `figure` in the place of the one before. */
function drawing(id: string, figure: Figure): string {
  const given = JSON.stringify({
    id,
    figure,
    picture: figureSvg(figure, altText(figure)),
  });
  return `(${draw})(${given.replace(/</g, '\\u003c')})`;
}

/** Runs in the page, as text: plain JavaScript that uses nothing from here. */
const draw = `async ({ id, figure, picture }) => {
  const place = document.getElementById(id);
  if (!place) return;
  window.tutorialPlotly ??= (async () => {
    if (window.Plotly) return window.Plotly;
    const settings = document.getElementById('jupyter-config-data');
    if (!settings) return undefined;
    const { baseUrl = '/' } = JSON.parse(settings.textContent);
    return new Promise((resolve) => {
      const script = document.createElement('script');
      script.src = baseUrl + 'files/node_modules/plotly.js-dist/plotly.js';
      script.onload = () => resolve(window.Plotly);
      script.onerror = () => resolve(undefined);
      document.head.append(script);
    });
  })();
  const Plotly = await window.tutorialPlotly;
  if (!place.isConnected) return;
  if (!Plotly) {
    place.innerHTML = picture;
    return;
  }
  if (!place.classList.contains('js-plotly-plot')) place.replaceChildren();
  const layout = { ...figure.layout, uirevision: id }; // a zoom stays
  await Plotly.react(place, figure.data, layout, { responsive: true, displaylogo: false });
  place.dataset.drawings = String(Number(place.dataset.drawings ?? 0) + 1);
}`;
