import { parseIdxImages, parseIdxLabels } from '../../src/data/idx';
import { idxImages, idxLabels } from '../support/idx';

test('reads images and labels without copying', () => {
  const file = idxImages(2, 2, 3);
  const { pixels, length, height, width } = parseIdxImages(file, 'images');
  expect([length, height, width]).toEqual([2, 2, 3]);
  expect([...pixels]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  expect(pixels.buffer).toBe(file.buffer);
  expect([...parseIdxLabels(idxLabels([3, 0, 9]), 'labels', 10)]).toEqual([3, 0, 9]);
});

test.each([
  ['truncated', idxImages(2, 2, 3).subarray(0, 20), /truncated: 20 bytes, want 28 for 2×2×3/],
  ['too long', Buffer.concat([idxImages(1, 2, 2), Buffer.alloc(1)]), /too long: 21 bytes, want 20/],
  ['no header', Buffer.alloc(3), /3 bytes, too short for an IDX header of 16/],
  [
    'labels instead',
    idxLabels([1, 2, 3, 4, 5, 6, 7, 8, 9]),
    /magic 2049 \(labels\), want 2051 \(images\)/,
  ],
  ['something else', Buffer.alloc(32, 7), /magic 117901063, want 2051/],
  ['no images', idxImages(0, 28, 28), /holds 0 images of 28×28/],
])('refuses an images file: %s', (_, file, message) => {
  expect(() => parseIdxImages(file, 'some file')).toThrow(message);
  expect(() => parseIdxImages(file, 'some file')).toThrow(/^some file: /);
});

test('refuses labels out of range, naming the first', () => {
  expect(() => parseIdxLabels(idxLabels([1, 9, 10, 11]), 'labels', 10)).toThrow(
    'labels: label 2 is 10, want 0 to 9',
  );
});
