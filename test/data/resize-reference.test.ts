import fs from 'node:fs';
import path from 'node:path';
import zlib from 'node:zlib';
import { gatherPixels, loadDataset, resize } from '../../src/data/index';

/** Made by bench/reference/resize.py. */
const reference = zlib.gunzipSync(
  fs.readFileSync(path.join(__dirname, '../reference/resize.bin.gz')),
);

let offset = 0;
test.each([227, 64, 13])('to %i pixels as PIL does', (size) => {
  const pixels = gatherPixels(loadDataset('test'), [0, 1, 2, 3]);
  const resized = resize(pixels, 28, 28, size);
  const ours = resized.dataSync();
  resized.dispose();
  const want = reference.subarray(offset, offset + ours.length);
  offset += ours.length;
  expect(want.length).toBe(ours.length);
  const differences = [...ours].map((value, i) => Math.abs(value - want[i]));
  expect(Math.max(...differences.filter((d) => d > 1), 0)).toBe(0);
  // 0.05% of the pixels, or the one pixel that a small picture cannot go below.
  expect(differences.filter((d) => d > 0).length).toBeLessThanOrEqual(
    Math.max(1, 0.0005 * ours.length),
  );
});
