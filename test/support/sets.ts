import type { ImageSet } from '../../src/data/index';
import { randomUniform } from '../../src/data/random';

/**
 * A set that a small network learns in a few steps: class k is a bright vertical bar at column 2 k + 4,
 * in noise.
 */
export function barSet(length: number, classes = 10, seed = 1): ImageSet {
  const random = randomUniform(seed);
  const [height, width] = [28, 28];
  const pixels = new Uint8Array(length * height * width);
  const labels = new Uint8Array(length);
  for (let i = 0; i < length; i++) {
    labels[i] = i % classes;
    for (let p = 0; p < height * width; p++) {
      const column = p % width;
      const lit = column === 2 * labels[i] + 4 || column === 2 * labels[i] + 5;
      pixels[i * height * width + p] = lit ? 200 + 50 * random() : 40 * random();
    }
  }
  return { name: 'bars', pixels, labels, length, height, width, classes };
}
