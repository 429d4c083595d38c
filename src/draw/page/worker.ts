/** Runs the network in its own thread: on the processor a prediction takes a second, and the pen must not wait. */
import type * as tfjs from '@tensorflow/tfjs';
import { messageOf } from '../../errors';
import { inputValues } from '../../image/index';
import type { Message, Question } from './messages';

declare const tf: typeof tfjs;
declare function importScripts(url: string): void;

const MODEL = 'model/model.json';
/** Graphics cards emulated on the processor. They are slower than tfjs's own processor backend. */
const EMULATED = /SwiftShader|llvmpipe|softpipe|software|Basic Render/i;

const say = (message: Message) =>
  (self as unknown as { postMessage(m: Message): void }).postMessage(message);

importScripts('tf.min.js');
const loaded = load();
loaded.catch((error) => say({ kind: 'failed', why: messageOf(error) }));

let latest = 0;

self.onmessage = async ({ data }: MessageEvent<Question>) => {
  latest = data.id;
  try {
    const model = await loaded;
    // Let the queued questions in: only the latest one is answered.
    await new Promise((resolve) => setTimeout(resolve));
    if (model && data.id === latest) say(await answer(model, data));
  } catch (error) {
    say({ kind: 'failed', why: messageOf(error) });
  }
};

/** Returns undefined if there is no model. */
async function load(): Promise<tfjs.LayersModel | undefined> {
  if (!(await fetch(MODEL, { method: 'HEAD' })).ok) {
    say({ kind: 'missing' });
    return undefined;
  }
  await chooseBackend();
  const model = await tf.loadLayersModel(MODEL, { fetchFunc: fetchWithProgress });
  const inputSize = model.inputs[0].shape[1] as number;
  // WebGL compiles its programs on their first run: now rather than at the first stroke.
  if (tf.getBackend() === 'webgl') {
    const warm = tf.tidy(
      () => model.predict(tf.zeros([1, inputSize, inputSize, 1])) as tfjs.Tensor,
    );
    await warm.data();
    warm.dispose();
  }
  say({ kind: 'ready', backend: tf.getBackend(), inputSize });
  return model;
}

/** `?backend=cpu` or `?backend=webgl` in the page's address overrides the choice. */
async function chooseBackend(): Promise<void> {
  const wanted = new URLSearchParams(location.search).get('backend');
  if (wanted !== 'cpu' && (wanted === 'webgl' || hasGraphicsCard())) {
    if (await tf.setBackend('webgl').catch(() => false)) return;
  }
  await tf.setBackend('cpu');
}

function hasGraphicsCard(): boolean {
  const gl = globalThis.OffscreenCanvas && new OffscreenCanvas(1, 1).getContext('webgl2');
  if (!gl) return false;
  const names = gl.getExtension('WEBGL_debug_renderer_info');
  return !EMULATED.test(
    String(gl.getParameter(names ? names.UNMASKED_RENDERER_WEBGL : gl.RENDERER)),
  );
}

/** Reports progress in bytes. tfjs reports it in files, and all weights are in one. */
async function fetchWithProgress(...request: Parameters<typeof fetch>): Promise<Response> {
  const response = await fetch(...request);
  const total = Number(response.headers.get('content-length'));
  if (!response.body || !total || response.url.endsWith('.json')) return response;
  let done = 0;
  const counted = response.body.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        done += chunk.length;
        say({ kind: 'loading', share: done / total });
        controller.enqueue(chunk);
      },
    }),
  );
  return new Response(counted, response);
}

async function answer(model: tfjs.LayersModel, question: Question): Promise<Message> {
  const started = performance.now();
  const { id, pixels, width, height } = question;
  const size = model.inputs[0].shape[1] as number;
  const probabilities = tf.tidy(() => {
    const input = tf.tensor4d(inputValues(pixels, height, width, size), [1, size, size, 1]);
    return tf.softmax(model.predict(input) as tfjs.Tensor2D);
  });
  const values = Array.from(await probabilities.data());
  probabilities.dispose();
  return { kind: 'answer', id, probabilities: values, milliseconds: performance.now() - started };
}
