/** This project: ours.ts SETTINGS, in JSON. A step includes preparing its batch. */
import { epochBatches, loadDataset, makeBatch, slice } from '../../src/data/index';
import { alexnet, NETWORKS, type NetworkName, trainableVariables } from '../../src/model/index';
import { predictBatch } from '../../src/predict/index';
import { autocast, type Precision, tf, waitForDevice } from '../../src/tf/index';
import { newTraining, trainStep, type Workers } from '../../src/train/index';
import { joinGroup } from '../../src/workers/index';
import { profile } from './profile';
import { serve } from './protocol';
import { convolutionRate } from './rate';

export interface OurSettings {
  precision: Precision;
  batchSize: number;
  inputSize: number;
  network?: NetworkName;
  /** The processes that train together. */
  group?: Parameters<typeof joinGroup>[0];
}

async function main(settings: OurSettings): Promise<void> {
  const { precision, batchSize, inputSize, network = 'alexnet' } = settings;
  const group = settings.group && (await joinGroup(settings.group));
  const silent: Workers | undefined = group && {
    ...{ index: group.index, count: group.count },
    sumGradient: (x) => x,
    sum: (x) => x.clone(),
  };
  const set = slice(loadDataset('train'), 0, Math.max(batchSize, 2));
  const indices = epochBatches(set.length, batchSize)[0];
  const model = alexnet({ inputSize, layers: NETWORKS[network].layers });
  const training = newTraining(model, { precision });
  const step = (workers?: Workers) => {
    trainStep({ ...training, workers }, set, [indices]);
    waitForDevice();
  };
  // Created on first use, because each task's peak memory is measured.
  let images: tf.Tensor4D | undefined;

  serve({
    step: () => step(group),
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
    profile: () => profile(() => step()),
    /** A step without communication. */
    compute: () => step(silent),
    /** The communication alone. */
    sum: () => {
      const sums = trainableVariables(model).map((each) => group!.sumGradient(each.clone()));
      for (const each of sums) each.min().dataSync(); // waits
      tf.dispose(sums);
    },
  });
}

main(JSON.parse(process.argv[2]));
