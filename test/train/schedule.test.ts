import { scheduledRate } from '../../src/train/index';

const rates = (steps: number) =>
  Array.from({ length: steps }, (_, i) => scheduledRate('cosine', 1, i + 1, steps));

test('constant keeps the learning rate', () => {
  expect(scheduledRate('constant', 0.3, 7, 10)).toBe(0.3);
});

test('cosine warms up over 5% of the steps, then falls along half a cosine', () => {
  const all = rates(100);
  expect(all.slice(0, 5).map((r) => Number(r.toFixed(9)))).toEqual([0.2, 0.4, 0.6, 0.8, 1]);
  expect(all[52]).toBeCloseTo(0.5, 9); // half-way between update 5 and the one after the last
  for (let i = 5; i < 99; i++) expect(all[i + 1]).toBeLessThan(all[i]);
  expect(all[99]).toBeGreaterThan(0);
  expect(all[99]).toBeLessThan(0.001);
});

test('short runs have valid rates too', () => {
  expect(rates(1)).toEqual([1]);
  expect(rates(2)[1]).toBeCloseTo(0.5, 9);
});
