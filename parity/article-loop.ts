import { disposeBatch, type ImageSet, makeBatch } from '../src/data/index';
import { inputSizeOf, trainableVariables } from '../src/model/index';
import { tf } from '../src/tf/index';
import { AdamW } from '../src/train/index';
import { meanLoss } from './parameters';

/** The result of the article's loop. */
export interface ArticleLoop {
  /** The mean loss of each batch. */
  losses: number[];
  steps: number;
  /** Gradients that were computed and thrown away. */
  discarded: number;
}

/**
 * The article's training loop as printed, in float32, for comparison with `train`. It calls `zero_grad` in every
 * iteration but `step` only in every fourth, so three of four gradients are lost. Trains `model` in place.
 */
export function articleLoop(
  model: tf.LayersModel,
  set: ImageSet,
  batches: readonly ArrayLike<number>[],
  { accumulationSteps = 4, learningRate = 1e-3, weightDecay = 0.01 } = {},
): ArticleLoop {
  const variables = trainableVariables(model);
  const optimizer = new AdamW({ learningRate, weightDecay });
  const result: ArticleLoop = { losses: [], steps: 0, discarded: 0 };
  for (const [i, indices] of batches.entries()) {
    const batch = makeBatch(set, indices, inputSizeOf(model));
    // optimizer.zero_grad(): the gradients of the previous batch are dropped, nothing is summed.
    const { value, grads } = meanLoss(model, batch);
    result.losses.push(value.dataSync()[0]);
    // if (i + 1) % accumulation_steps == 0, where the article's i counts from 1 and ours from 0
    if ((i + 2) % accumulationSteps === 0) {
      optimizer.step(variables, grads);
      result.steps++;
    } else {
      result.discarded++;
    }
    tf.dispose([value, grads]);
    disposeBatch(batch);
  }
  optimizer.dispose();
  return result;
}
