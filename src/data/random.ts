/**
 * Seeded random numbers in JavaScript, for the order of the images. Random tensors (initial weights, dropout masks)
 * come from TensorFlow: see `tf/random.ts`.
 */

/** Returns a generator of uniform numbers in [0, 1): mulberry32 by Tommy Ettinger, public domain. */
export function randomUniform(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/**
 * A random permutation of 0 … length-1 (Fisher–Yates). It depends on `seed` and `epoch` alone, so a resumed
 * run gets the same order without replaying earlier epochs.
 */
export function shuffledIndices(length: number, seed: number, epoch: number): Uint32Array {
  const random = randomUniform(Math.imul(seed, 0x9e3779b1) ^ Math.imul(epoch + 1, 0x85ebca6b));
  const indices = Uint32Array.from({ length }, (_, i) => i);
  for (let i = length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [indices[i], indices[j]] = [indices[j], indices[i]];
  }
  return indices;
}
