import { loadState, saveState } from '../../src/runs/state';
import { newTraining } from '../../src/train/index';
import { barNetwork } from '../support/sets';

test('the records of 200,000 steps are restored: as many as in 73 epochs of MNIST in batches of 32, and more', () => {
  const model = barNetwork();
  const training = newTraining(model, {});
  const record = { learningRate: 1e-3, loss: 0.5, accuracy: 0.75 };
  for (let step = 1; step <= 200_000; step++) training.history.steps.push({ step, ...record });
  const checkpoint = saveState(training, {}, 'sha');

  const resumed = newTraining(model, {});
  loadState(resumed, checkpoint, 'sha');
  expect(resumed.history.steps).toHaveLength(200_000);
  expect(resumed.history.steps.at(-1)).toEqual({ step: 200_000, ...record });
  for (const each of [training, resumed]) each.optimizer.dispose();
  model.dispose();
});
