/** Finds the digit in a drawing and runs the network, in its own thread: the pen must not wait for either. */
import type * as tfjs from '@tensorflow/tfjs';
import type * as wasm from '@tensorflow/tfjs-backend-wasm';
import { messageOf } from '../../errors';
import {
  type Bitmap,
  digitsIn,
  type GreyImage,
  HALF,
  inputValues,
  isWide,
  type Normalisation,
} from '../../image/index';

/** To the worker: a drawing or a photo. */
export interface Question {
  id: number;
  bitmap: Bitmap;
}

/** From the worker. Each question gets one `answer` or `nothing`. */
export type Message =
  | { kind: 'loading'; share: number }
  | { kind: 'missing' }
  | { kind: 'ready'; device: string; inputSize: number }
  | Answer
  | { kind: 'nothing'; id: number; why: string }
  | { kind: 'failed'; why: string };

export interface Answer {
  kind: 'answer';
  id: number;
  /** What the network gets. */
  input: GreyImage;
  isWide: boolean;
  /** Undefined without a network. */
  prediction?: {
    probabilities: number[];
    /** The strongest feature maps of the first convolution. Empty if there is none. */
    maps: GreyImage[];
  };
  milliseconds: number;
}

declare const tf: typeof tfjs & { wasm: typeof wasm };
declare function importScripts(...urls: string[]): void;

/** How many feature maps the page shows. */
const MAPS = 12;
const MODEL = 'model/model.json';
/** More threads than that do not pay for one image. */
const MOST_THREADS = 4;
/** Graphics cards emulated on the CPU. */
const EMULATED = /SwiftShader|llvmpipe|softpipe|software|Basic Render/i;

const say = (message: Message) => (self as unknown as Worker).postMessage(message);

importScripts('tf.min.js', 'tf-backend-wasm.min.js');
const loaded = load();
loaded.catch((error) => say({ kind: 'failed', why: messageOf(error) }));

self.onmessage = async ({ data: { id, bitmap } }: MessageEvent<Question>) => {
  try {
    say(await answer(await loaded, id, bitmap));
  } catch (error) {
    say({ kind: 'failed', why: messageOf(error) });
  }
};

interface Network {
  model: tfjs.LayersModel;
  normalisation: Normalisation;
}

/** Returns undefined if there is no model. */
async function load(): Promise<Network | undefined> {
  if (!(await fetch(MODEL, { method: 'HEAD' })).ok) {
    say({ kind: 'missing' });
    return undefined;
  }
  const threads = self.crossOriginIsolated
    ? Math.min(MOST_THREADS, navigator.hardwareConcurrency)
    : 1;
  tf.wasm.setWasmPaths(new URL('./', self.location.href).href);
  tf.wasm.setThreadsCount(threads);
  const devices: Record<string, string> = {
    wasm: `the CPU (WebAssembly, ${threads} ${threads === 1 ? 'thread' : 'threads'})`,
    webgl: 'the graphics card (WebGL)',
    cpu: 'the CPU (JavaScript)',
  };
  const backends = [];
  for (const backend of ['wasm', ...(hasGraphicsCard() ? ['webgl'] : [])]) {
    if (await tf.setBackend(backend).catch(() => false)) backends.push(backend);
  }
  if (backends.length === 0) backends.push('cpu');
  await tf.setBackend(backends[0]);
  const stored = await tf.loadLayersModel(MODEL, { fetchFunc: fetchWithProgress });
  const network = {
    model: withMaps(stored),
    normalisation: { ...HALF, ...(stored.getUserDefinedMetadata() as Partial<Normalisation>) },
  };
  const inputSize = network.model.inputs[0].shape[1] as number;
  const backend = await fastest(network, backends);
  say({ kind: 'ready', device: devices[backend], inputSize });
  return network;
}

/** Chooses the backend that takes the least time. The first run on each, which compiles programs, does not count. */
async function fastest(network: Network, backends: string[]): Promise<string> {
  const blank = { pixels: new Uint8Array(28 * 28), width: 28, height: 28 };
  const times = new Map<string, number>();
  for (const backend of backends) {
    await tf.setBackend(backend);
    await predict(network, blank);
    const started = performance.now();
    await predict(network, blank);
    times.set(backend, performance.now() - started);
  }
  const [best] = backends.sort((a, b) => times.get(a)! - times.get(b)!);
  await tf.setBackend(best);
  return best;
}

/** The same network, which also returns the feature maps of its first convolution, if it has one. */
function withMaps({ inputs, outputs, layers }: tfjs.LayersModel): tfjs.LayersModel {
  const convolution = layers.find((layer) => layer.getClassName() === 'Conv2D');
  const maps = convolution ? [convolution.output as tfjs.SymbolicTensor] : [];
  return tf.model({ inputs, outputs: [outputs[0], ...maps] });
}

function hasGraphicsCard(): boolean {
  const gl = globalThis.OffscreenCanvas && new OffscreenCanvas(1, 1).getContext('webgl2');
  if (!gl) return false;
  const names = gl.getExtension('WEBGL_debug_renderer_info');
  return !EMULATED.test(
    String(gl.getParameter(names ? names.UNMASKED_RENDERER_WEBGL : gl.RENDERER)),
  );
}

/** Reports progress in bytes. tfjs reports it in files, but all weights are in one file. */
async function fetchWithProgress(...request: Parameters<typeof fetch>): Promise<Response> {
  const response = await fetch(...request);
  const total = Number(response.headers.get('content-length'));
  if (!response.body || !total || response.url.endsWith('.json')) return response;
  let done = 0;
  const counter = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      done += chunk.length;
      say({ kind: 'loading', share: done / total });
      controller.enqueue(chunk);
    },
  });
  return new Response(response.body.pipeThrough(counter), response);
}

async function answer(network: Network | undefined, id: number, bitmap: Bitmap): Promise<Message> {
  const started = performance.now();
  let digits: ReturnType<typeof digitsIn>;
  try {
    digits = digitsIn(bitmap);
  } catch (error) {
    const why = messageOf(error).replace(/^no digit found: /, '');
    return {
      kind: 'nothing',
      id,
      why: `I cannot find a digit: ${why}. Try again, large and clear.`,
    };
  }
  if (digits.length > 1) {
    const why = `I see ${digits.length} digits, and read one at a time. Erase the others.`;
    return { kind: 'nothing', id, why };
  }
  const [{ box, steps }] = digits;
  const input = steps.at(-1)!;
  const prediction = network && (await predict(network, input));
  const milliseconds = performance.now() - started;
  return { kind: 'answer', id, input, isWide: isWide(box), prediction, milliseconds };
}

async function predict(
  { model, normalisation }: Network,
  { pixels, width, height }: GreyImage,
): Promise<Answer['prediction']> {
  const size = model.inputs[0].shape[1] as number;
  const [probabilities, found] = tf.tidy(() => {
    const values = inputValues(pixels, height, width, size, 1, normalisation);
    const input = tf.tensor4d(values, [1, size, size, 1]);
    const [logits, ...maps] = [model.predict(input)].flat();
    return [
      tf.softmax(logits as tfjs.Tensor2D),
      ...maps.map((map) => map.squeeze<tfjs.Tensor3D>([0])),
    ];
  });
  const values = Array.from(await probabilities.data());
  const maps = found
    ? strongest((await found.data()) as Float32Array, found.shape as [number, number, number])
    : [];
  tf.dispose([probabilities, found]);
  return { maps, probabilities: values };
}

/**
 * The channels of [height, width, channels] that stand out most from their mean, which is nearly the background, each
 * as a picture from black to white. (A filter with a negative sum lights up on the empty background: its maximum is no
 * sign of a pattern.) In JavaScript: WebAssembly's reductions over the first axes take ten times as long.
 */
function strongest(values: Float32Array, [height, width, channels]: number[]): GreyImage[] {
  const size = height * width;
  const min = values.slice(0, channels);
  const max = values.slice(0, channels);
  const sum = new Float32Array(channels);
  for (let i = 0, channel = 0; i < values.length; i++) {
    const value = values[i];
    if (value < min[channel]) min[channel] = value;
    if (value > max[channel]) max[channel] = value;
    sum[channel] += value;
    if (++channel === channels) channel = 0;
  }
  const contrast = max.map((most, channel) => most - sum[channel] / size);
  const order = [...contrast.keys()].sort((a, b) => contrast[b] - contrast[a]);
  return order.slice(0, MAPS).map((channel) => {
    const range = max[channel] - min[channel] || 1;
    const pixels = new Uint8Array(size);
    for (let i = 0; i < size; i++) {
      pixels[i] = (255 * (values[i * channels + channel] - min[channel])) / range;
    }
    return { width, height, pixels };
  });
}
