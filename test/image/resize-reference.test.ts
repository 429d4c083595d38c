import fs from 'node:fs';
import path from 'node:path';
import zlib from 'node:zlib';
import { gatherPixels, loadDataset } from '../../src/data/index';
import { resize } from '../../src/image/index';

/** Written by parity/reference/parity.py. */
const reference = zlib.gunzipSync(
  fs.readFileSync(path.join(__dirname, '../../parity/golden/resize.bin.gz')),
);

let offset = 0;
test.each([227, 64, 13])('resizing to %i pixels gives the same bytes as PIL', (size) => {
  const pixels = gatherPixels(loadDataset('test'), [0, 1, 2, 3]);
  const ours = resize(pixels, 28, 28, size);
  const want = reference.subarray(offset, offset + ours.length);
  offset += ours.length;
  expect(Buffer.compare(Buffer.from(ours), want)).toBe(0);
});
