import { tf } from '../../src/tf/index';
import { countCorrect, crossEntropySum } from '../../src/train/index';
import { expectNoLeak } from '../support/tensors';

test('cross-entropy by hand', async () => {
  await expectNoLeak(() => {
    const logits = tf.tensor2d([
      [0, 0],
      [Math.log(3), 0],
    ]);
    const labels = tf.tensor1d([0, 1], 'int32');
    const loss = crossEntropySum(logits, labels);
    // −ln 1/2 − ln 1/4
    expect(loss.dataSync()[0]).toBeCloseTo(Math.log(2) + Math.log(4), 6);
    tf.dispose([logits, labels, loss]);
  });
});

test('large logits stay finite', () => {
  const loss = crossEntropySum(tf.tensor2d([[1000, -1000]]), tf.tensor1d([1], 'int32'));
  expect(loss.dataSync()[0]).toBeCloseTo(2000, 2);
});

test('counts the images whose largest logit is their label', () => {
  const logits = tf.tensor2d([
    [1, 2, 3],
    [3, 2, 1],
    [0, 5, 1],
  ]);
  expect(countCorrect(logits, tf.tensor1d([2, 1, 1], 'int32')).dataSync()[0]).toBe(2);
});
