import { disposeBatch, epochBatches, gatherPixels, makeBatch } from '../../src/data/index';
import { shuffledIndices } from '../../src/data/random';
import { barSet } from '../support/sets';
import { expectNoLeak } from '../support/tensors';

test('each epoch has every image once, in a new order', () => {
  const orders = [1, 2].map((epoch) => [...shuffledIndices(1000, 42, epoch)]);
  for (const order of orders) {
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, i) => i));
  }
  expect(orders[0]).not.toEqual(orders[1]);
  expect([...shuffledIndices(1000, 42, 1)]).toEqual(orders[0]);
  expect([...shuffledIndices(1000, 43, 1)]).not.toEqual(orders[0]);
});

test('every order is equally likely', () => {
  // 6 orders of 3 images over 6,000 epochs: 1,000 each, deviation √(6000 · 1/6 · 5/6) ≈ 29.
  const counts = new Map<string, number>();
  for (let epoch = 0; epoch < 6000; epoch++) {
    const key = shuffledIndices(3, 7, epoch).join('');
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  expect(counts.size).toBe(6);
  for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(5 * 29);
});

test('the last batch is smaller, and without a seed nothing is shuffled', () => {
  const batches = epochBatches(10, 4);
  expect(batches.map((batch) => [...batch])).toEqual([
    [0, 1, 2, 3],
    [4, 5, 6, 7],
    [8, 9],
  ]);
});

test('a batch has the chosen images and labels', async () => {
  const set = barSet(20);
  expect(gatherPixels(set, [3, 1]).subarray(0, 784)).toEqual(set.pixels.subarray(3 * 784, 4 * 784));
  expect(() => gatherPixels(set, [20])).toThrow('image 20 of bars: it has 20');
  await expectNoLeak(() => {
    const batch = makeBatch(set, [3, 1], 28);
    expect(batch.images.shape).toEqual([2, 28, 28, 1]);
    expect([...batch.labels.dataSync()]).toEqual([3, 1]);
    const values = batch.images.dataSync();
    expect(values[0]).toBeCloseTo((set.pixels[3 * 784] / 255 - 0.5) / 0.5, 6);
    disposeBatch(batch);
  });
});
