import { disposeBatch, type ImageSet, makeBatch } from '../data/index';
import { checkList, positiveInteger } from '../errors';
import { checkModel, inputSizeOf } from '../model/index';
import { autocast, tf } from '../tf/index';
import { AdamW } from './adamw';
import { crossEntropySum } from './loss';
import { trainableVariables } from './state';

/** What the article's loop did. */
export interface ArticleLoop {
  /** The mean loss of each batch. */
  losses: number[];
  updates: number;
  /** Gradients of whole batches that were computed and thrown away. */
  discarded: number;
}

/**
 * The article's loop as it stands, in float32, to be seen beside `train`: `zero_grad` in every iteration, and
 * `step` where (i + 1) % accumulationSteps is 0. Trains `model` in place. Nothing else should use it.
 */
export function articleLoop(
  model: tf.LayersModel,
  set: ImageSet,
  batches: readonly ArrayLike<number>[],
  { accumulationSteps = 4, learningRate = 1e-3, weightDecay = 0.01 } = {},
): ArticleLoop {
  checkModel(model);
  checkList('batches', batches, 1);
  positiveInteger('accumulation steps', accumulationSteps);
  const variables = trainableVariables(model);
  const optimizer = new AdamW({ learningRate, weightDecay });
  const result: ArticleLoop = { losses: [], updates: 0, discarded: 0 };
  for (const [index, indices] of batches.entries()) {
    // optimizer.zero_grad(): what the iteration before left is gone, so nothing is ever summed.
    const batch = makeBatch(set, indices, inputSizeOf(model));
    const { value, grads } = autocast('float32', () =>
      tf.variableGrads(() => {
        const logits = model.apply(batch.images, { training: true }) as tf.Tensor2D;
        return crossEntropySum(logits, batch.labels).div<tf.Scalar>(batch.size);
      }, variables),
    );
    result.losses.push(value.dataSync()[0]);
    // if (i + 1) % accumulation_steps == 0: optimizer.step()
    if ((index + 2) % accumulationSteps === 0) {
      optimizer.step(variables, grads);
      result.updates++;
    } else {
      result.discarded++;
    }
    tf.dispose([value, grads]);
    disposeBatch(batch);
  }
  optimizer.dispose();
  return result;
}
