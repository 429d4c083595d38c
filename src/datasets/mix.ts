import { countLabels, gatherPixels, type ImageSet, randomUniform, type Split } from '../data/index';

/** The share of test images in a dataset that has none of its own: one of so many. */
const TEST_OF = 6;

/** The images in an order in which each stretch has its share of every class. Depends on the labels only. */
export function mixed(set: ImageSet): ImageSet {
  const random = randomUniform(1);
  const counts = countLabels(set);
  const places = Array.from(set.labels, () => random());
  // Within each class the places are spread evenly over 0 … 1, in random order.
  const byClass = counts.map(() => [] as number[]);
  for (const [index, label] of set.labels.entries()) byClass[label].push(index);
  for (const indices of byClass) {
    indices.sort((a, b) => places[a] - places[b]);
    const start = random();
    for (const [k, index] of indices.entries()) places[index] = (k + start) / indices.length;
  }
  const order = [...places.keys()].sort((a, b) => places[a] - places[b]);
  return pick(set, order);
}

/** Divides a dataset into training and test images, some of each class in both. */
export function sharesOf(set: ImageSet): Record<Split, ImageSet> {
  const all = mixed(set);
  const seen = countLabels(all).fill(0);
  const isTest = Array.from(all.labels, (label) => ++seen[label] % TEST_OF === 0);
  const indices = [...isTest.keys()];
  return {
    train: {
      ...pick(
        all,
        indices.filter((i) => !isTest[i]),
      ),
      name: `${set.name} train`,
    },
    test: {
      ...pick(
        all,
        indices.filter((i) => isTest[i]),
      ),
      name: `${set.name} test`,
    },
  };
}

function pick(set: ImageSet, indices: number[]): ImageSet {
  const labels = set.labels.slice(0, indices.length);
  for (const [i, index] of indices.entries()) labels[i] = set.labels[index];
  return { ...set, pixels: gatherPixels(set, indices), labels, length: indices.length };
}
