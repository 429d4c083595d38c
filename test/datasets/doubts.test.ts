import { slice } from '../../src/data/index';
import { absentClasses, doubtsAbout } from '../../src/datasets/index';
import { barSet } from '../support/sets';

test('nothing is odd about different images of all classes', () => {
  expect(doubtsAbout(barSet(30), barSet(20, 10, 2))).toEqual([]);
});

test('classes without images are named, unless there are few images', () => {
  const set = barSet(70);
  const lacking = { ...set, labels: set.labels.map((label) => label % 7) };
  expect(absentClasses(lacking)).toBe(
    'the 70 images of bars include none of 3 of the 10 classes: 7, 8, 9',
  );
  expect(absentClasses(slice(lacking, 0, 49))).toBeUndefined();
  const many = { ...barSet(200), classNames: Array.from({ length: 40 }, (_, i) => `c${i}`) };
  expect(absentClasses(many)).toMatch(/: c10, .*c18, 21 more$/);
});

test('images in both sets, and equal images with different labels, are counted', () => {
  const set = barSet(40);
  const overlapping = slice(set, 20, 40);
  expect(doubtsAbout(slice(set, 0, 30), overlapping)).toEqual([
    '10 of the 20 validation images are also training images: validation will look too good',
  ]);
  const labels = Uint8Array.from(set.labels, (label, i) => (i === 3 ? 9 : label));
  const pixels = set.pixels.slice();
  pixels.copyWithin(3 * 784, 0, 784); // image 3 becomes image 0, a 0
  expect(doubtsAbout({ ...set, labels, pixels })).toEqual([
    '1 images are equal to an earlier one but have another label',
  ]);
});
