import { shareOf } from '../../src/datasets/mix';

test('a sixth of each class is for testing, and at least one image of a class with two', () => {
  const counts = [1, 2, 5, 6, 13];
  const labels = counts.flatMap((count, label) => Array(count).fill(label));
  const perClass = (split: 'train' | 'test') => {
    const indices = shareOf(labels, counts.length, split);
    return counts.map((_, label) => indices.filter((i) => labels[i] === label).length);
  };
  expect(perClass('test')).toEqual([0, 1, 1, 1, 2]);
  expect(perClass('train')).toEqual([1, 1, 4, 5, 11]);
});
