import { normalise, resize, resizeMatrix, toInput } from '../../src/data/index';
import { tf } from '../../src/tf/index';
import { expectNoLeak } from '../support/tensors';

test('resizing 2 pixels to 4 weighs neighbours by quarters', () => {
  // Half-pixel centres: target pixels lie at -0.25, 0.25, 0.75, 1.25 of the source.
  expect([...resizeMatrix(2, 4)]).toEqual([1, 0, 0.75, 0.25, 0.25, 0.75, 0, 1]);
});

test('shrinking averages over the whole area', () => {
  // A triangle of half-width 2 around the middle of four pixels.
  expect([...resizeMatrix(4, 1)].map((w) => Math.round(w * 16))).toEqual([3, 5, 5, 3]);
  expect([...resizeMatrix(3, 3)]).toEqual([1, 0, 0, 0, 1, 0, 0, 0, 1]);
});

test('each pass rounds to a byte, halves up', async () => {
  await expectNoLeak(() => {
    // Rows first: [0, 2] → 0, 0.5→1, 1.5→2, 2 and [0, 0] → 0; then columns from these.
    const out = resize(Uint8Array.from([0, 2, 0, 0]), 2, 2, 4);
    expect(out.arraySync()).toEqual([
      [
        [0, 1, 2, 2],
        [0, 1, 2, 2],
        [0, 0, 1, 1],
        [0, 0, 0, 0],
      ],
    ]);
    out.dispose();
  });
});

test('bytes become -1 to 1', async () => {
  await expectNoLeak(() => {
    const bytes = tf.tensor1d([0, 51, 255]);
    const out = normalise(bytes);
    expect([...out.dataSync()].map((v) => Number(v.toFixed(6)))).toEqual([-1, -0.6, 1]);
    tf.dispose([bytes, out]);
  });
});

test('the input is a batch of square images of one channel', async () => {
  await expectNoLeak(() => {
    const out = toInput(new Uint8Array(2 * 28 * 28).fill(255), 28, 28, 227);
    expect(out.shape).toEqual([2, 227, 227, 1]);
    expect(Math.min(...out.dataSync())).toBe(1);
    out.dispose();
  });
  expect(() => toInput(new Uint8Array(10), 28, 28, 227)).toThrow(
    '10 pixels are not whole images of 28×28',
  );
  expect(() => toInput(new Uint8Array(784), 28, 28, 0)).toThrow('input size is 0');
});
