/** The page: what is drawn goes through the steps of `npm run predict`, and the worker's network reads it. */
import { messageOf } from '../../errors';
import { type DigitStep, digitSteps } from '../../predict/digit';
import { percent } from '../../viz/format';
import type { Message, Question } from './messages';
import { Paper } from './paper';

/** After a stroke, in milliseconds: a 4 has two. */
const PAUSE = 300;
const BACKENDS: Record<string, string> = {
  webgl: 'on the graphics card (WebGL)',
  cpu: 'on the processor (JavaScript)',
};

function get<T extends HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

const digit = get('digit');
const says = get('says');
const bars = get('bars');
const file = get<HTMLInputElement>('file');
const buttons = { undo: get<HTMLButtonElement>('undo'), clear: get<HTMLButtonElement>('clear') };
const canvas = get<HTMLCanvasElement>('paper');
const paper = new Paper(canvas, wait, changed);

let worker: Worker | undefined;
let status = '';
/** The question whose answer is waited for; answers to others come too late. */
let asked = 0;
let timer: ReturnType<typeof setTimeout> | undefined;

start();
showBars([]);
buttons.undo.addEventListener('click', () => paper.undo());
buttons.clear.addEventListener('click', () => paper.clear());
file.addEventListener('change', () => choose(file.files?.[0]));
canvas.addEventListener('dragover', (event) => {
  event.preventDefault();
  canvas.classList.add('dropping');
});
canvas.addEventListener('dragleave', () => canvas.classList.remove('dropping'));
canvas.addEventListener('drop', (event) => {
  event.preventDefault();
  canvas.classList.remove('dropping');
  choose(event.dataTransfer?.files[0]);
});

function start(): void {
  if (location.protocol === 'file:') {
    // A page from a file may neither start a worker nor read the model's files.
    notice('Opened as a file, the page has no network. Run `npm run draw`.');
    return;
  }
  worker = new Worker(`worker.js${location.search}`);
  worker.onmessage = ({ data }: MessageEvent<Message>) => hear(data);
  worker.onerror = () => hear({ kind: 'failed', why: 'its files are not all there' });
  get('loading').hidden = false;
}

function hear(message: Message): void {
  if (message.kind === 'loading') {
    get<HTMLProgressElement>('progress').value = message.share;
    return;
  }
  get('loading').hidden = true;
  if (message.kind === 'ready') {
    status = `The network takes ${message.inputSize}×${message.inputSize} pixels and runs ${BACKENDS[message.backend] ?? message.backend}`;
    get('status').textContent = `${status}.`;
  } else if (message.kind === 'answer') {
    get('status').textContent =
      `${status}: ${Math.round(message.milliseconds)} ms for this prediction.`;
    if (message.id === asked) showAnswer(message.probabilities);
  } else if (message.kind === 'missing') {
    worker = undefined;
    notice(
      'There is no trained network yet. Train yours with `npm run tutorial` or in notebook 3, then run `npm run draw` again; or name another: `npm run draw -- --model FILE.pth`.',
    );
    if (!paper.isEmpty) read();
  } else {
    worker = undefined;
    notice(`The network cannot be used: ${message.why}. Run \`npm run draw\` again.`);
    showNothing('No prediction.');
  }
}

/** Shows a sentence; what stands in backticks is a command. */
function notice(text: string): void {
  const parts = text.split('`').map((part, i) => {
    if (i % 2 === 0) return part;
    const code = document.createElement('code');
    code.textContent = part;
    return code;
  });
  get('notice').replaceChildren(...parts);
  get('notice').hidden = false;
}

async function choose(chosen: File | undefined): Promise<void> {
  file.value = ''; // so that the same file can be chosen again
  if (!chosen) return;
  try {
    await paper.show(chosen);
  } catch (error) {
    paper.clear();
    showNothing(`${chosen.name}: not a picture that this browser can read: ${messageOf(error)}`);
  }
}

/** While a stroke is drawn nothing is read, and what was asked is out of date. */
function wait(): void {
  clearTimeout(timer);
  asked++;
  buttons.undo.disabled = buttons.clear.disabled = paper.isEmpty;
}

function changed(): void {
  wait();
  if (paper.isEmpty) {
    showNothing('Draw a digit, 0 to 9.');
    showSteps([]);
    return;
  }
  says.textContent = 'thinking …';
  timer = setTimeout(read, PAUSE);
}

function read(): void {
  let steps: DigitStep[];
  try {
    steps = digitSteps(paper.bitmap());
  } catch (error) {
    showSteps([]);
    showNothing(kindly(messageOf(error)));
    return;
  }
  showSteps(steps);
  if (!worker) {
    showNothing('These are the steps. To have it read, the page needs a network.');
    return;
  }
  const { pixels, width, height } = steps[steps.length - 1];
  worker.postMessage({ id: asked, pixels, width, height } satisfies Question);
}

/** `no digit in it: only specks` becomes a sentence. */
function kindly(message: string): string {
  const why = message.match(/^no digit in it: (.*)$/)?.[1];
  return why ? `I see no digit: ${why}. Please try again, large and clear.` : message;
}

function showNothing(text: string): void {
  digit.textContent = '?';
  digit.classList.add('quiet');
  says.textContent = text;
  showBars([]);
}

function showAnswer(probabilities: number[]): void {
  const best = probabilities.indexOf(Math.max(...probabilities));
  digit.textContent = String(best);
  digit.classList.remove('quiet');
  says.textContent = `I read ${best === 8 ? 'an' : 'a'} ${best}, ${percent(probabilities[best], 1)} sure.`;
  showBars(probabilities, best);
}

function showBars(probabilities: number[], best?: number): void {
  const count = probabilities.length || 10;
  bars.replaceChildren(
    ...Array.from({ length: count }, (_, label) => {
      const row = document.createElement('li');
      const name = document.createElement('span');
      const track = document.createElement('span');
      const filled = document.createElement('span');
      const share = document.createElement('span');
      name.textContent = String(label);
      track.className = 'track';
      track.append(filled);
      if (probabilities.length > 0) {
        filled.style.setProperty('--share', String(probabilities[label]));
        share.textContent = percent(probabilities[label], 1);
      }
      row.classList.toggle('best', label === best);
      row.append(name, track, share);
      return row;
    }),
  );
  bars.classList.toggle('filled', probabilities.length > 0);
}

function showSteps(steps: DigitStep[]): void {
  get('steps').hidden = steps.length === 0;
  get('pictures').replaceChildren(...steps.map(figureOf));
}

/** A step as its picture and a caption, as `stepsGrid` draws them. */
function figureOf({ name, pixels, width, height }: DigitStep): HTMLElement {
  const picture = document.createElement('canvas');
  picture.width = width;
  picture.height = height;
  picture.setAttribute('role', 'img');
  picture.setAttribute('aria-label', name);
  // The longer side fills the cell; pixels of small pictures are to be seen.
  const longer = Math.max(width, height);
  picture.style.width = `${(100 * width) / longer}%`;
  picture.classList.toggle('pixels', longer < 100);
  const image = new ImageData(width, height);
  for (let i = 0; i < pixels.length; i++) {
    image.data.fill(pixels[i], 4 * i, 4 * i + 3);
    image.data[4 * i + 3] = 255;
  }
  picture.getContext('2d')!.putImageData(image, 0, 0);
  const cell = document.createElement('div');
  cell.append(picture);
  const caption = document.createElement('figcaption');
  caption.textContent = `${name}, ${width}×${height}`;
  const figure = document.createElement('figure');
  figure.append(cell, caption);
  return figure;
}
