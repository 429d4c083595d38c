import { toInput } from '../../src/data/index';
import { normalise, resize, resizeWeights } from '../../src/image/index';
import { tf } from '../../src/tf/index';
import { expectNoLeak } from '../support/tensors';

test('resizing 2 pixels to 4 weights neighbours by quarters', () => {
  // Half-pixel centres: target pixels lie at -0.25, 0.25, 0.75, 1.25 of the source.
  const { taps, first, weights } = resizeWeights(2, 4);
  expect([taps, ...first]).toEqual([2, 0, 0, 0, 0]);
  expect([...weights].map((weight) => weight / 2 ** 22)).toEqual([
    1, 0, 0.75, 0.25, 0.25, 0.75, 0, 1,
  ]);
});

test('shrinking averages over the whole area', () => {
  // A triangle of half-width 2 around the middle of four pixels.
  const shrink = resizeWeights(4, 1);
  expect([...shrink.weights].map((w) => Math.round((16 * w) / 2 ** 22))).toEqual([3, 5, 5, 3]);
  expect(resizeWeights(3, 3)).toEqual({
    taps: 1,
    first: Int32Array.of(0, 1, 2),
    weights: new Int32Array(3).fill(2 ** 22),
  });
});

test('each pass rounds to whole bytes, halves up', () => {
  // Rows first: [0, 2] → 0, 0.5→1, 1.5→2, 2 and [0, 0] → 0; then columns from these.
  expect([...resize(Uint8Array.from([0, 2, 0, 0]), 2, 2, 4)]).toEqual([
    ...[0, 1, 2, 2],
    ...[0, 1, 2, 2],
    ...[0, 0, 1, 1],
    ...[0, 0, 0, 0],
  ]);
});

test('bytes are normalised to -1 … 1', () => {
  const out = normalise(Uint8Array.of(0, 51, 255));
  expect([...out].map((v) => Number(v.toFixed(6)))).toEqual([-1, -0.6, 1]);
});

test("each channel of a colour image has its own mean and deviation, as in torchvision's Normalize", () => {
  const pixels = Uint8Array.of(0, 51, 255, 255, 102, 0); // two pixels of red, green, blue
  const how = { mean: [0.5, 0.2, 0], std: [0.5, 0.1, 2] };
  const out = toInput(pixels.slice(0, 3), { height: 1, width: 1, channels: 3 }, 1, how);
  expect([...out.dataSync()].map((v) => Number(v.toFixed(6)))).toEqual([-1, 0, 0.5]);
  const one = toInput(pixels, { height: 1, width: 1, channels: 3 }, 1, { mean: [0], std: [2] });
  expect([...one.dataSync()].map((v) => Number(v.toFixed(6)))).toEqual([0, 0.1, 0.5, 0.5, 0.2, 0]);
  tf.dispose([out, one]);
});

test('the input equals the resized bytes, normalised, for any share of black', async () => {
  await expectNoLeak(() => {
    // A lit corner, a lit dot, nothing lit, all lit.
    const pixels = new Uint8Array(4 * 36);
    pixels[0] = 200;
    pixels[36 + 14] = 100;
    pixels.fill(255, 3 * 36);
    for (const size of [3, 6, 13]) {
      const out = toInput(pixels, { height: 6, width: 6 }, size);
      expect([...out.dataSync()]).toEqual([...normalise(resize(pixels, 6, 6, size))]);
      expect(Math.max(...out.dataSync().slice(2 * size * size, 3 * size * size))).toBe(-1);
      out.dispose();
    }
  });
});

test('the input is a batch of square images of one channel', async () => {
  await expectNoLeak(() => {
    const out = toInput(new Uint8Array(2 * 28 * 28).fill(255), { height: 28, width: 28 }, 227);
    expect(out.shape).toEqual([2, 227, 227, 1]);
    expect(Math.min(...out.dataSync())).toBe(1);
    out.dispose();
  });
  expect(() => toInput(new Uint8Array(10), { height: 28, width: 28 }, 227)).toThrow(
    '10 pixels are not whole images of 28×28',
  );
});
