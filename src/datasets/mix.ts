import { gatherPixels, type ImageSet, randomUniform, type Split } from '../data/index';

/** The share of test images in a dataset that has none of its own: one of so many. */
const TEST_OF = 6;

/** Numbers of images in an order in which each stretch has its share of every class. Depends on the labels only. */
export function mixedOrder(labels: ArrayLike<number>, classes: number): number[] {
  const random = randomUniform(1);
  const places = Array.from(labels, () => random());
  // Within each class the places are spread evenly over 0 … 1, in random order.
  const byClass = Array.from({ length: classes }, () => [] as number[]);
  for (const [index, label] of Array.from(labels).entries()) byClass[label].push(index);
  for (const indices of byClass) {
    indices.sort((a, b) => places[a] - places[b]);
    const start = random();
    for (const [k, index] of indices.entries()) places[index] = (k + start) / indices.length;
  }
  return [...places.keys()].sort((a, b) => places[a] - places[b]);
}

/**
 * The numbers of the images of one split in a dataset that is not divided: a sixth of each class is for testing, and at
 * least one image if the class has two.
 */
export function shareOf(labels: ArrayLike<number>, classes: number, split: Split): number[] {
  const order = mixedOrder(labels, classes);
  const counts = new Array<number>(classes).fill(0);
  for (const index of order) counts[labels[index]]++;
  const seen = new Array<number>(classes).fill(0);
  return order.filter((index) => {
    const label = labels[index];
    const isTest = ++seen[label] % Math.max(2, Math.min(TEST_OF, counts[label])) === 0;
    return isTest === (split === 'test');
  });
}

/** The images of `set` with these numbers. */
export function pick(set: ImageSet, indices: number[]): ImageSet {
  const labels = set.labels.slice(0, indices.length);
  for (const [i, index] of indices.entries()) labels[i] = set.labels[index];
  return {
    ...set,
    pixels: gatherPixels(set, indices),
    labels,
    length: indices.length,
    readImage: undefined,
  };
}
