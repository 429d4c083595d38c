import path from 'node:path';
import v8 from 'node:v8';
import vm from 'node:vm';
import { loadDataset, slice } from '../../src/data/index';
import { evaluate } from '../../src/evaluate/index';
import { alexnet, type LayerSpec } from '../../src/model/index';
import { type ProgressListener, progressOf } from '../../src/progress';
import { loadModel, saveModel } from '../../src/storage/index';
import { tf } from '../../src/tf/index';
import { newTraining, trainStep } from '../../src/train/index';
import type { Result } from './torture';

const LAYERS: LayerSpec[] = [
  { kind: 'conv', name: 'conv1', filters: 32, kernel: 11, stride: 4, padding: 2 },
  { kind: 'maxPool', name: 'pool1', kernel: 3, stride: 2 },
  { kind: 'flatten', name: 'flatten' },
  { kind: 'dropout', name: 'dropout' },
  { kind: 'dense', name: 'fc', units: 0, relu: false },
];

/** Checks that 500 steps, 50 evaluations and 20 times saving and loading leave no tensors and no memory behind. */
export async function memory(folder: string, onProgress: ProgressListener): Promise<Result> {
  const set = slice(loadDataset('test'), 0, 64);
  const model = alexnet({ inputSize: 99, layers: LAYERS });
  const training = newTraining(model);
  const indices = Uint32Array.from({ length: 64 }, (_, i) => i);
  const saved = path.join(folder, 'saved');
  const saveAndLoad = async () => {
    await saveModel(model, saved);
    (await loadModel(saved)).dispose();
  };
  const tasks: [number, () => unknown][] = [
    [500, () => trainStep(training, set, [indices])],
    [50, () => evaluate(model, set)],
    [20, saveAndLoad],
  ];
  const progress = progressOf({ label: 'Memory', total: 570, unit: 'round' }, onProgress);
  const found: string[] = [];
  let ok = true;
  let done = 0;
  for (const [rounds, task] of tasks) {
    // Warm-up: some things are created once, and the allocator needs hundreds of steps to reach its size.
    for (let i = 0; i < rounds; i++) await task();
    const tensors = tf.memory().numTensors;
    let early = 0;
    for (let i = 0; i < rounds; i++) {
      await task();
      if (i === Math.ceil(rounds / 10)) early = resident();
      progress(++done);
    }
    const growth = resident() / early - 1;
    const held = tf.memory().numTensors - tensors;
    // One forgotten activation of the convolution would be 4.5 MiB in each step.
    ok &&= held === 0 && growth < 0.05;
    found.push(`${rounds}: ${held} tensors, ${(100 * growth).toFixed(1)}% memory`);
  }
  training.optimizer.dispose();
  model.dispose();
  const what = 'steps, evaluations, save and load: growth of tensors and memory';
  return { what, ok, found: found.join('; ') };
}

/** Resident memory in bytes after a garbage collection. */
function resident(): number {
  v8.setFlagsFromString('--expose-gc');
  const collect = vm.runInNewContext('gc') as () => void;
  collect();
  return process.memoryUsage.rss();
}
