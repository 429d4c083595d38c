/** This project: ours.ts PRECISION BATCH INPUT_SIZE. Its step prepares its batch too. */
import { epochBatches, loadDataset, makeBatch, slice } from '../../src/data/index';
import { alexnet } from '../../src/model/index';
import { predictBatch } from '../../src/predict/index';
import { autocast, backend, type Precision, tf } from '../../src/tf/index';
import { newTraining, trainStep } from '../../src/train/index';
import { compareOps } from './ops';
import { serve } from './protocol';
import { convolutionRate } from './rate';

const precision = process.argv[2] as Precision;
const batchSize = Number(process.argv[3]);
const inputSize = Number(process.argv[4]);

const set = slice(loadDataset('train'), 0, Math.max(batchSize, 2));
const indices = epochBatches(set.length, batchSize)[0];
const model = alexnet({ inputSize });
const training = newTraining(model, { precision });

// Each task builds what it needs when it is first asked for: memory is measured too.
let images: tf.Tensor4D | undefined;

serve({
  step: () => {
    trainStep(training, set, [indices]);
  },
  evaluate: () => {
    images ??= makeBatch(set, indices, inputSize).images;
    tf.tidy(() =>
      (autocast(precision, () => model.apply(images!)) as tf.Tensor).argMax(1).dataSync(),
    );
  },
  latency: () => {
    predictBatch(model, set, [0], precision);
  },
  rate: () => convolutionRate(precision),
  ops: () => compareOps(batchSize, inputSize),
  profile: () => profile(() => trainStep(training, set, [indices])),
});

/** Seconds and calls of each op, by name and output, in one run of `body`. */
function profile(body: () => void): { op: string; milliseconds: number; calls: number }[] {
  const { binding } = backend();
  const seen = new Map<string, { milliseconds: number; calls: number }>();
  const executeOp: typeof binding.executeOp = (name, attributes, inputs, outputs) => {
    const started = performance.now();
    const results = binding.executeOp(name, attributes, inputs, outputs);
    const elapsed = performance.now() - started;
    const shape = results[0]
      ? ` ${results[0].shape.join('×')}${results[0].dtype === 14 ? ' bfloat16' : ''}`
      : '';
    const entry = seen.get(name + shape) ?? { milliseconds: 0, calls: 0 };
    seen.set(name + shape, { milliseconds: entry.milliseconds + elapsed, calls: entry.calls + 1 });
    return results;
  };
  Object.assign(backend(), {
    binding: Object.create(binding, { executeOp: { value: executeOp } }),
  });
  try {
    body();
  } finally {
    Object.assign(backend(), { binding });
  }
  return [...seen]
    .map(([op, entry]) => ({ op, ...entry }))
    .sort((a, b) => b.milliseconds - a.milliseconds);
}
