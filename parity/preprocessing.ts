import { gatherPixels, loadDataset } from '../src/data/index';
import { normalise, resize } from '../src/image/index';
import { largestDifference } from './fingerprint';
import { type Golden, readUnzipped } from './read-golden';
import { row, type Section } from './sections';

/** From 28×28 bytes to the network's input. */
export function preprocessingSection(golden: Golden): Section {
  const want = readUnzipped('resize.bin.gz');
  const pixels = gatherPixels(loadDataset('test'), [0, 1, 2, 3]);
  const ours = [227, 64, 13].flatMap((size) => [...resize(pixels, 28, 28, size)]);
  const wrong = ours.filter((value, i) => value !== want[i]).length;
  const share = `Resize: share of the gray values that differ, ${wrong} of ${ours.length}`;
  const normalised = normalise(Uint8Array.from({ length: 256 }, (_, byte) => byte));
  return {
    title: 'Preprocessing',
    rows: [
      row(share, wrong / ours.length, 0),
      row('Resize: largest difference, in gray levels', largestDifference(ours, want), 0),
      row('Normalize, all 256 gray values', largestDifference(normalised, golden.normalised), 1e-6),
    ],
  };
}
