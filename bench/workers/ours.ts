/** This project: ours.ts PRECISION BATCH INPUT_SIZE. A step includes preparing its batch. */
import { epochBatches, loadDataset, makeBatch, slice } from '../../src/data/index';
import { alexnet } from '../../src/model/index';
import { predictBatch } from '../../src/predict/index';
import { autocast, type Precision, tf, waitForDevice } from '../../src/tf/index';
import { newTraining, trainStep } from '../../src/train/index';
import { compareOps } from './ops';
import { profile } from './profile';
import { serve } from './protocol';
import { convolutionRate } from './rate';

const precision = process.argv[2] as Precision;
const batchSize = Number(process.argv[3]);
const inputSize = Number(process.argv[4]);

const set = slice(loadDataset('train'), 0, Math.max(batchSize, 2));
const indices = epochBatches(set.length, batchSize)[0];
const model = alexnet({ inputSize });
const training = newTraining(model, { precision });
const step = () => {
  trainStep(training, set, [indices]);
  waitForDevice();
};

// Created on first use, because each task's peak memory is measured.
let images: tf.Tensor4D | undefined;

serve({
  step,
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
  profile: () => profile(step),
});
