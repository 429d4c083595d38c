import { disposeBatch, type ImageSet, makeBatch } from '../data/index';
import { inputSizeOf, normalisationOf, trainableVariables } from '../model/index';
import { autocast, Recording, tf } from '../tf/index';
import { countCorrect, crossEntropySum } from './loss';
import type { StepResult, Trainer } from './training';
import { shareOf, sumNumbers } from './workers';

/**
 * One training step: forward, loss, backward, update. Gradients accumulate over the batches. Each loss is divided
 * by the total number of images, so that the sum equals the gradient of one large batch.
 */
export function trainStep(
  { model, optimizer, scaler, settings, workers }: Trainer,
  set: ImageSet,
  batches: readonly ArrayLike<number>[],
): StepResult {
  const { precision } = settings;
  const variables = trainableVariables(model);
  const images = batches.reduce((sum, { length }) => sum + length, 0);
  const lossScale = scaler?.scale ?? 1;
  const gradients: tf.NamedTensorMap = {};
  const result: StepResult = { images, lossSum: 0, correct: 0, skipped: false };

  for (const [i, all] of batches.entries()) {
    const isLast = i === batches.length - 1;
    const { indices, weight, share } = shareOf(all, workers);
    // images [batch, 227, 227, 1], labels [batch]
    const batch = makeBatch(set, indices, inputSizeOf(model), normalisationOf(model));

    // Forward
    let right = 0;
    const forward = autocast(precision, () =>
      Recording.of(() => {
        const logits = model.apply(batch.images, { training: true, share }) as tf.Tensor2D; // [batch, 10]
        right = weight * countCorrect(logits, batch.labels).dataSync()[0];
        return crossEntropySum(logits, batch.labels).mul((weight * lossScale) / images);
      }),
    );
    const loss = (forward.value.dataSync()[0] * images) / lossScale;
    const [lossSum, correct] = sumNumbers([loss, right], workers);
    result.lossSum += lossSum;
    result.correct += correct;
    result.skipped = !Number.isFinite(result.lossSum);

    // Backward, from the last layer to the first. In the last batch, each variable is updated as soon as its
    // gradient is complete, which frees the gradient early. With workers, summing it over them starts here and goes on in the background.
    const updatesNow = isLast && !workers && !scaler && !result.skipped;
    if (updatesNow) optimizer.beginStep();
    if (!result.skipped) {
      autocast(precision, () =>
        forward.backward(variables, (variable, gradient) => {
          const sum = addTo(gradients, variable.name, gradient);
          if (updatesNow) optimizer.stepVariable(variable, sum);
          if (updatesNow) sum.dispose();
          if (isLast && workers) gradients[variable.name] = workers.sumGradient(sum);
        }),
      );
    }
    forward.dispose();
    disposeBatch(batch);
    if (result.skipped) break;
  }
  // With loss scaling (float16), all gradients must be checked for overflow before the first update.
  if (scaler && !result.skipped) result.skipped = !scaler.step(optimizer, variables, gradients);
  else if (workers && !result.skipped) optimizer.step(variables, gradients);
  tf.dispose(gradients);
  return result;
}

function addTo(sums: tf.NamedTensorMap, name: string, gradient: tf.Tensor): tf.Tensor {
  const before = sums[name];
  sums[name] = before ? before.add(gradient) : gradient;
  if (before) tf.dispose([before, gradient]);
  return sums[name];
}
