/** Runs the network in its own thread: on the CPU a prediction takes a second, which must not block the pen. */
import type * as tfjs from '@tensorflow/tfjs';
import { messageOf } from '../../errors';
import { type GreyImage, HALF, inputValues, type Normalisation } from '../../image/index';

/** To the worker: a grey picture, light strokes on black, like the last of `digitSteps`. */
export interface Question {
  id: number;
  pixels: Uint8Array;
  width: number;
  height: number;
}

/** From the worker. */
export type Message =
  | { kind: 'loading'; share: number }
  | { kind: 'missing' }
  | { kind: 'ready'; backend: string; inputSize: number }
  | {
      kind: 'answer';
      id: number;
      probabilities: number[];
      /** The strongest feature maps of the first convolution. Empty if there is none. */
      maps: GreyImage[];
      milliseconds: number;
    }
  | { kind: 'failed'; why: string };

declare const tf: typeof tfjs;
declare function importScripts(url: string): void;

/** How many feature maps the page shows. */
const MAPS = 12;
const MODEL = 'model/model.json';
/** Graphics cards emulated on the CPU. They are slower than tfjs's own CPU backend. */
const EMULATED = /SwiftShader|llvmpipe|softpipe|software|Basic Render/i;

const say = (message: Message) => (self as unknown as Worker).postMessage(message);

importScripts('tf.min.js');
const loaded = load();
loaded.catch((error) => say({ kind: 'failed', why: messageOf(error) }));

let latest = 0;

self.onmessage = async ({ data }: MessageEvent<Question>) => {
  latest = data.id;
  try {
    const network = await loaded;
    // Let queued questions arrive first: only the latest one is answered.
    await new Promise((resolve) => setTimeout(resolve));
    if (network && data.id === latest) say(await answer(network, data));
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
  const usesCard = hasGraphicsCard() && (await tf.setBackend('webgl').catch(() => false));
  if (!usesCard) await tf.setBackend('cpu');
  const stored = await tf.loadLayersModel(MODEL, { fetchFunc: fetchWithProgress });
  const network = {
    model: withMaps(stored),
    normalisation: { ...HALF, ...(stored.getUserDefinedMetadata() as Partial<Normalisation>) },
  };
  const { model } = network;
  const inputSize = model.inputs[0].shape[1] as number;
  if (tf.getBackend() === 'webgl') {
    // WebGL compiles its programs in the first run, which should not be the first drawing.
    const pixels = new Uint8Array(inputSize ** 2);
    await answer(network, { id: 0, pixels, width: inputSize, height: inputSize });
  }
  say({ kind: 'ready', backend: tf.getBackend(), inputSize });
  return network;
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

async function answer(
  { model, normalisation }: Network,
  { id, pixels, width, height }: Question,
): Promise<Message> {
  const started = performance.now();
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
  const maps = found ? strongest(await found.data(), found.shape as [number, number, number]) : [];
  tf.dispose([probabilities, found]);
  return {
    ...{ kind: 'answer', id, maps, probabilities: values },
    milliseconds: performance.now() - started,
  };
}

/**
 * The channels of [height, width, channels] that stand out most from their background, each as a picture from black to
 * white. (A filter with a negative sum lights up on the empty background: its maximum is no sign of a pattern.)
 */
function strongest(values: ArrayLike<number>, [height, width, channels]: number[]): GreyImage[] {
  const maps = Array.from({ length: channels }, (_, channel) => {
    const map = Float32Array.from(
      { length: height * width },
      (_, i) => values[i * channels + channel],
    );
    const sorted = map.slice().sort();
    return { map, min: sorted[0], max: sorted.at(-1)!, background: sorted[sorted.length >> 1] };
  });
  maps.sort((a, b) => b.max - b.background - (a.max - a.background));
  return maps.slice(0, MAPS).map(({ map, min, max }) => {
    const pixels = Uint8Array.from(map, (value) => (255 * (value - min)) / (max - min || 1));
    return { width, height, pixels };
  });
}
