/** The page: asks the worker about the drawing while you draw, and shows its answers. */
import { doubtOf, WIDE } from '../../doubt';
import { messageOf } from '../../errors';
import type { GreyImage } from '../../image/index';
import { Paper } from './paper';
import type { Answer, Message, Question } from './worker';

const PROMPT = 'Draw a digit from 0 to 9.';

function get<T extends HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Partial<HTMLElementTagNameMap[K]>,
  ...children: (Node | string)[]
) {
  const created = Object.assign(document.createElement(tag), properties);
  created.append(...children);
  return created;
}

const percent = (share: number) => `${(100 * share).toFixed(1)}%`;

const digit = get('digit');
const says = get('says');
const bars = get('bars');
const file = get<HTMLInputElement>('file');
const undo = get<HTMLButtonElement>('undo');
const clear = get<HTMLButtonElement>('clear');
const canvas = get<HTMLCanvasElement>('paper');
const paper = new Paper(canvas, changed);

let worker: Worker | undefined;
let status = '';
/** The number of changes so far, which is the number of the latest question. */
let version = 0;
/** The version that the worker has been asked about and has not answered. */
let pending: number | undefined;
/** The version in which the paper was last empty. Answers to earlier questions are about something erased. */
let emptied = 0;

if (location.protocol === 'file:') {
  // Browsers do not let such a page start a worker or fetch files.
  notice(
    'This page was opened as a file, so it cannot load a network. Run `npm run draw` instead.',
  );
} else {
  worker = new Worker('worker.js');
  worker.onmessage = ({ data }: MessageEvent<Message>) => receive(data);
  worker.onerror = () => receive({ kind: 'failed', why: 'some of its files are missing' });
  get('loading').hidden = false;
}
showNothing(PROMPT);
undo.addEventListener('click', () => paper.undo());
clear.addEventListener('click', () => paper.clear());
file.addEventListener('change', () => choose(file.files?.[0]));
for (const type of ['dragover', 'dragleave', 'drop'] as const) {
  canvas.addEventListener(type, (event) => {
    event.preventDefault();
    canvas.classList.toggle('dropping', type === 'dragover');
    if (type === 'drop') choose(event.dataTransfer?.files[0]);
  });
}

function receive(message: Message): void {
  if (message.kind === 'loading') {
    get<HTMLProgressElement>('progress').value = message.share;
    return;
  }
  get('loading').hidden = true;
  if (message.kind === 'ready') {
    const { inputSize, device } = message;
    status = `The network takes ${inputSize}×${inputSize} pixels and runs on ${device}.`;
    get('status').textContent = status;
  } else if (message.kind === 'answer' || message.kind === 'nothing') {
    show(message);
    pending = undefined;
    if (message.id !== version) ask();
  } else if (message.kind === 'missing') {
    notice(
      'There is no trained network yet. Train one with `npm run tutorial` or in notebook 4, then run `npm run draw` again. To use another one, run `npm run draw -- --model FILE.pth`.',
    );
  } else {
    worker = undefined;
    notice(`The network does not work: ${message.why}. Run \`npm run draw\` again.`);
    showNothing('No prediction.');
  }
}

/** Shows a message at the top of the page. Text in backticks is a command. */
function notice(text: string): void {
  const parts = text.split('`').map((part, i) => (i % 2 ? element('code', {}, part) : part));
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
    showNothing(`Cannot open ${chosen.name} as a picture: ${messageOf(error)}`);
  }
}

function changed(): void {
  version++;
  undo.disabled = clear.disabled = paper.isEmpty;
  if (paper.isEmpty) {
    emptied = version;
    showNothing(PROMPT);
  } else if (!worker) showNothing('A prediction needs a network.');
  else if (pending === undefined) ask();
}

/** Asks about the drawing as it is now. There is one question at a time, so a slow network skips some of the changes. */
function ask(): void {
  if (!worker || paper.isEmpty) return;
  pending = version;
  if (digit.textContent === '?') says.textContent = 'Thinking …';
  const { data, width, height } = paper.bitmap();
  const question: Question = { id: version, bitmap: { data, width, height } };
  worker.postMessage(question, [data.buffer]);
}

/** Shows an answer, unless the drawing has been erased, or it only says what is missing while you draw. */
function show(message: Answer | Extract<Message, { kind: 'nothing' }>): void {
  if (message.id <= emptied) return;
  if (message.kind === 'nothing') {
    if (!paper.isDrawing && message.id === version) showNothing(message.why);
    return;
  }
  showInput(message.input);
  if (!message.prediction) {
    says.textContent = 'A prediction needs a network.';
    return;
  }
  const { probabilities, maps } = message.prediction;
  showAnswer(probabilities, message.isWide);
  showMaps(maps);
  get('status').textContent =
    `${status} This prediction took ${Math.round(message.milliseconds)} ms.`;
}

function showNothing(text: string): void {
  digit.textContent = '?';
  digit.classList.add('quiet');
  says.textContent = text;
  showBars();
  get('inside').hidden = true;
}

function showAnswer(probabilities: number[], isWide: boolean): void {
  const best = probabilities.indexOf(Math.max(...probabilities));
  digit.textContent = String(best);
  digit.classList.remove('quiet');
  const share = percent(probabilities[best]);
  const name = `${best === 8 ? 'an' : 'a'} ${best}`;
  const doubt = doubtOf(probabilities) ?? (isWide ? WIDE : undefined);
  says.textContent = doubt
    ? `${doubt}. Perhaps ${name} (${share}).`
    : `I see ${name}, ${share} sure.`;
  showBars(probabilities, best);
}

/** One row per digit with its probability, or empty rows if there is no prediction. */
function showBars(probabilities?: number[], best?: number): void {
  const rows = Array.from({ length: probabilities?.length ?? 10 }, (_, label) => {
    const share = probabilities?.[label];
    return element(
      'li',
      { className: label === best ? 'best' : '' },
      element('span', {}, String(label)),
      element('progress', { value: share ?? 0 }),
      element('span', {}, share === undefined ? '' : percent(share)),
    );
  });
  bars.replaceChildren(...rows);
  bars.classList.toggle('filled', probabilities !== undefined);
}

/** Shows what the network gets. */
function showInput(input: GreyImage): void {
  get('inside').hidden = false;
  get('input').replaceChildren(
    pictureOf(input, `The drawing as ${input.width}×${input.height} pixels`),
  );
  get('maps').replaceChildren();
}

/** Shows what the first convolution finds in it. */
function showMaps(maps: GreyImage[]): void {
  get('maps').replaceChildren(...maps.map((map, i) => pictureOf(map, `Feature map ${i + 1}`)));
}

function pictureOf({ pixels, width, height }: GreyImage, description: string): HTMLElement {
  const picture = element('canvas', { width, height });
  picture.setAttribute('role', 'img');
  picture.setAttribute('aria-label', description);
  const image = new ImageData(width, height);
  image.data.fill(255);
  for (let i = 0; i < pixels.length; i++) image.data.fill(pixels[i], 4 * i, 4 * i + 3);
  picture.getContext('2d')!.putImageData(image, 0, 0);
  return picture;
}
