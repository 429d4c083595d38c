import { tf } from '../../src/tf/index';
import { GradScaler } from '../../src/train/index';
import { expectNoLeak } from '../support/tensors';

test("PyTorch's defaults: 65536, halved at an overflow, doubled after 2,000 steps without", () => {
  const scaler = new GradScaler();
  expect(scaler.scale).toBe(65536);
  scaler.update(true);
  expect(scaler.state).toEqual({ scale: 32768, growthTracker: 0 });
  for (let i = 0; i < 1999; i++) scaler.update(false);
  expect(scaler.state).toEqual({ scale: 32768, growthTracker: 1999 });
  scaler.update(false);
  expect(scaler.state).toEqual({ scale: 65536, growthTracker: 0 });
});

test('an overflow restarts the count', () => {
  const scaler = new GradScaler(8);
  for (const overflowed of [false, false, true, false, false]) scaler.update(overflowed);
  expect(scaler.state).toEqual({ scale: 4, growthTracker: 2 });
});

test('divides gradients by the scale, and returns null if one is not finite', async () => {
  await expectNoLeak(() => {
    const scaler = new GradScaler(4);
    const gradients = { a: tf.tensor1d([4, -8]), b: tf.scalar(2) };
    const unscaled = scaler.unscale(gradients)!;
    expect([[...unscaled.a.dataSync()], unscaled.b.dataSync()[0]]).toEqual([[1, -2], 0.5]);
    for (const bad of [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN]) {
      const overflowed = { ...gradients, c: tf.tensor1d([1, bad, 2]) };
      expect(scaler.unscale(overflowed)).toBeNull();
      overflowed.c.dispose();
    }
    tf.dispose([gradients, unscaled]);
  });
});

test('its state can be loaded into another one', () => {
  const [from, to] = [new GradScaler(), new GradScaler()];
  from.update(true);
  from.update(false);
  to.state = JSON.parse(JSON.stringify(from.state));
  expect(to.state).toEqual({ scale: 32768, growthTracker: 1 });
});
