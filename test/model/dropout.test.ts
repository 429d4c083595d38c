import { Dropout } from '../../src/model/index';
import { tf } from '../../src/tf/index';
import { expectNoLeak } from '../support/tensors';

function masks(rate: number, seed: number, times: number): number[][] {
  const layer = new Dropout({ rate, seed });
  return Array.from({ length: times }, () =>
    tf.tidy(() => [
      ...(layer.apply(tf.ones([10_000]), { training: true }) as tf.Tensor).dataSync(),
    ]),
  );
}

test('drops units at the given rate and scales the rest', async () => {
  await expectNoLeak(() => {
    const [mask] = masks(0.25, 1, 1);
    expect(new Set(mask.map((v) => v.toFixed(4)))).toEqual(new Set(['0.0000', '1.3333']));
    const dropped = mask.filter((v) => v === 0).length / mask.length;
    expect(Math.abs(dropped - 0.25)).toBeLessThan(5 * Math.sqrt((0.25 * 0.75) / 10_000));
  });
});

test('each call drops different units, reproducibly', () => {
  const [first, second] = masks(0.5, 1, 2);
  expect(first).not.toEqual(second);
  expect(masks(0.5, 1, 2)).toEqual([first, second]);
  expect(masks(0.5, 2, 1)[0]).not.toEqual(first);
});

test('does nothing outside training', () => {
  tf.tidy(() => {
    const x = tf.tensor1d([1, 2, 3]);
    const layer = new Dropout({ rate: 0.5, seed: 1 });
    expect([...(layer.apply(x) as tf.Tensor).dataSync()]).toEqual([1, 2, 3]);
    expect(layer.calls).toBe(0);
  });
});

test('gradients pass through the units that were kept', () => {
  tf.tidy(() => {
    const x = tf.ones([1000]);
    const forward = new Dropout({ rate: 0.5, seed: 3 });
    const output = forward.apply(x, { training: true }) as tf.Tensor;
    const again = new Dropout({ rate: 0.5, seed: 3 });
    const gradient = tf.grad((v: tf.Tensor) => again.apply(v, { training: true }) as tf.Tensor)(x);
    expect([...gradient.dataSync()]).toEqual([...output.dataSync()]);
  });
});
