import { disposeBatch, type ImageSet, makeBatch } from '../data/index';
import { inputSizeOf, normalisationOf, trainableVariables } from '../model/index';
import { autocast, Recording, tf } from '../tf/index';
import { countCorrect, crossEntropySum } from './loss';
import type { StepResult, Trainer } from './training';

/**
 * One training step: forward, loss, backward, update. Gradients accumulate over the batches. Each loss is divided
 * by the total number of images, so that the sum equals the gradient of one large batch.
 */
export function trainStep(
  { model, optimizer, scaler, settings }: Trainer,
  set: ImageSet,
  batches: readonly ArrayLike<number>[],
): StepResult {
  const { precision } = settings;
  const variables = trainableVariables(model);
  const images = batches.reduce((sum, { length }) => sum + length, 0);
  const lossScale = scaler?.scale ?? 1;
  const gradients: tf.NamedTensorMap = {};
  const result: StepResult = { images, lossSum: 0, correct: 0, skipped: false };

  for (const [i, indices] of batches.entries()) {
    // images [batch, 227, 227, 1], labels [batch]
    const batch = makeBatch(set, indices, inputSizeOf(model), normalisationOf(model));

    // Forward
    const forward = autocast(precision, () =>
      Recording.of(() => {
        const logits = model.apply(batch.images, { training: true }) as tf.Tensor2D; // [batch, 10]
        result.correct += countCorrect(logits, batch.labels).dataSync()[0];
        return crossEntropySum(logits, batch.labels).mul(lossScale / images) as tf.Scalar;
      }),
    );
    result.lossSum += (forward.value.dataSync()[0] * images) / lossScale;
    result.skipped = !Number.isFinite(result.lossSum);

    // Backward, from the last layer to the first. In the last batch, each variable is updated as soon as its
    // gradient is complete, which frees the gradient early.
    const updatesNow = i === batches.length - 1 && !scaler && !result.skipped;
    if (updatesNow) optimizer.beginStep();
    if (!result.skipped) {
      autocast(precision, () =>
        forward.backward(variables, (variable, gradient) => {
          const sum = addTo(gradients, variable.name, gradient);
          if (updatesNow) optimizer.stepVariable(variable, sum);
          if (updatesNow) sum.dispose();
        }),
      );
    }
    forward.dispose();
    disposeBatch(batch);
    if (result.skipped) break;
  }
  // With loss scaling (float16), all gradients must be checked for overflow before the first update.
  if (scaler && !result.skipped) result.skipped = !scaler.step(optimizer, variables, gradients);
  tf.dispose(gradients);
  return result;
}

function addTo(sums: tf.NamedTensorMap, name: string, gradient: tf.Tensor): tf.Tensor {
  const before = sums[name];
  sums[name] = before ? before.add(gradient) : gradient;
  if (before) tf.dispose([before, gradient]);
  return sums[name];
}
