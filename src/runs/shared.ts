/** What several processes that train together do besides the steps. */
import { type ImageSet, slice } from '../data/index';
import { InputError } from '../errors';
import { type EvaluateOptions, evaluate } from '../evaluate/index';
import type { tf } from '../tf/index';
import { partOf, sumNumbers, type Workers } from '../train/index';
import type { Checkpoint, LazyArray } from './checkpoint';

/** What a run needs of its processes besides what a step needs. All must call these functions in the same order. */
export interface Group extends Workers {
  /** How many of the workers run on this machine. */
  readonly here: number;
  /** Tells the others a text, and returns those of all workers. `name` must be new. */
  exchange(name: string, text: string): string[];
  /** Sends numbers from worker 0 to the others, which pass only how many there are. */
  broadcast(values: Float32Array | number): Float32Array;
  /** `worker 1 (host-b:5000)` */
  nameOf(index: number): string;
}

/** Throws InputError on all workers if one of them has a value that differs from worker 0's. */
export function agree(group: Group, name: string, values: Record<string, unknown>): void {
  const [first, ...others] = group
    .exchange(name, JSON.stringify(values))
    .map((text): Record<string, unknown> => JSON.parse(text));
  for (const [i, other] of others.entries()) {
    const key = Object.keys(first).find((each) => first[each] !== other[each]);
    if (key === undefined) continue;
    throw new InputError(
      `${group.nameOf(i + 1)} has another ${key} than worker 0: ${other[key]}, not ${first[key]}. ` +
        'Start all workers with the same code, data and options',
    );
  }
}

/** Throws InputError if a batch has fewer images than there are workers. */
export function checkWorkers(count: number, batchSize: number): void {
  if (count <= batchSize) return;
  throw new InputError(
    `${count} workers for batches of ${batchSize} images: each worker needs at least one`,
  );
}

/** Gives all workers the checkpoint of worker 0. The others pass nothing. Read its arrays once, in the same order. */
export function shareCheckpoint<State>(group: Group, own?: Checkpoint<State>): Checkpoint<State> {
  const sizes = own?.arrays.map(({ name, length }) => ({ name, length }));
  const [text] = group.exchange('state', JSON.stringify({ state: own?.state, sizes }));
  const { state, sizes: lengths } = JSON.parse(text) as { state: State; sizes: typeof sizes };
  const arrays = lengths!.map(({ name, length }, i): LazyArray => {
    return { name, length, read: () => group.broadcast(own?.arrays[i].read() ?? length) };
  });
  return { state, arrays };
}

/** A signal that stops all workers after the same step, once `own` has fired on one of them. */
export function commonSignal(
  own: AbortSignal,
  group?: Group,
): { signal: AbortSignal; agreeToStop: () => void } {
  if (!group) return { signal: own, agreeToStop: () => {} };
  const controller = new AbortController();
  const agreeToStop = () => {
    if (sumNumbers([own.aborted ? 1 : 0], group)[0] > 0) controller.abort();
  };
  return { signal: controller.signal, agreeToStop };
}

/** Evaluates the model on `set`: each worker a part of it. */
export async function evaluateTogether(
  model: tf.LayersModel,
  set: ImageSet,
  options: EvaluateOptions,
  group?: Group,
): Promise<{ loss: number; accuracy: number }> {
  if (!group) return evaluate(model, set, options);
  const [start, end] = partOf(set.length, group);
  const images = end - start;
  const { loss, accuracy } =
    images > 0 ? await evaluate(model, slice(set, start, end), options) : { loss: 0, accuracy: 0 };
  const [lossSum, correct] = sumNumbers([loss * images, accuracy * images], group);
  return { loss: lossSum / set.length, accuracy: correct / set.length };
}

/** Throws InputError if the weights, of which `sha256` is the hash, are not the same on all workers. */
export function checkSameWeights(group: Group, epoch: number, sha256: string): void {
  const odd = group
    .exchange(`weights after epoch ${epoch}`, sha256)
    .findIndex((other, _, [first]) => other !== first);
  if (odd < 0) return;
  throw new InputError(
    `${group.nameOf(odd)} has other weights than worker 0 after epoch ${epoch}: ` +
      'they compute differently. Use machines with the same kind of processor',
  );
}
