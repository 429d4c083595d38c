/** worker.ts INDEX ADDRESSES: trains the networks of `CASES` with the other workers, and prints what came out as JSON. */
import { slice } from '../../src/data/index';
import { alexnet, NETWORKS } from '../../src/model/index';
import { weightsSha256 } from '../../src/runs/index';
import { tf } from '../../src/tf/index';
import { continueTraining, newTraining, type TrainSettings } from '../../src/train/index';
import { joinGroup, type TensorFlowGroup } from '../../src/workers/index';
import { barNetwork, barSet } from './sets';

// Sixteen images do not divide by three workers, and in the last batch there is one image only.
const images = slice(barSet(60), 0, 33);

const CASES: Record<string, { model: () => tf.LayersModel; settings: Partial<TrainSettings> }> = {
  'dropout, augmentation, accumulation': {
    model: () => barNetwork({ dropout: 0.5 }),
    settings: { epochs: 25, batchSize: 16, accumulationSteps: 2, augment: true },
  },
  // AdamW turns a rounding error of a gradient near 0 into a step of the learning rate: a small one.
  'batch normalisation': {
    model: () => alexnet({ layers: NETWORKS.resnet8.layers, inputSize: 28, seed: 1 }),
    settings: { epochs: 4, batchSize: 16, learningRate: 1e-5 },
  },
  float16: {
    model: () => barNetwork(),
    settings: { epochs: 2, batchSize: 16, precision: 'float16' },
  },
};

export interface Outcome {
  losses: number[];
  correct: number[];
  sha256: string;
  /** Tensors that training left behind. */
  kept: number;
}

/** Trains each network: alone, or with the other workers of a group. */
export async function outcomesOf(group?: TensorFlowGroup): Promise<Record<string, Outcome>> {
  const outcomes: Record<string, Outcome> = {};
  for (const [name, { model, settings }] of Object.entries(CASES)) {
    const network = model();
    const tensors = tf.memory().numTensors;
    const training = newTraining(network, settings, group);
    const { steps } = await continueTraining(training, images);
    training.optimizer.dispose();
    outcomes[name] = {
      losses: steps.map(({ loss }) => loss),
      correct: steps.map(({ accuracy }) => accuracy),
      sha256: weightsSha256(network),
      kept: tf.memory().numTensors - tensors,
    };
  }
  return outcomes;
}

async function main([index, addresses]: string[]): Promise<void> {
  const group = await joinGroup({ index: Number(index), addresses: addresses.split(',') });
  console.log(JSON.stringify(await outcomesOf(group)));
  await group.leave();
  process.exit(0);
}

if (require.main === module) main(process.argv.slice(2));
