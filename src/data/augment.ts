/** Augmentation: training images that look a little different in every epoch. */
import { gatherPixels } from './batches';
import type { ImageSet } from './dataset';
import { randomUniform } from './random';

/** The ranges to draw from: -value to +value, except for contrast. */
export const AUGMENTATION = {
  /** In degrees. */
  rotation: 15,
  /** As a share of the side. */
  shift: 0.1,
  /** As a share of the size. */
  scale: 0.15,
  /** How far the top moves sideways, as a share of the height. */
  shear: 0.2,
  /** Pixels added to or taken from strokes, roughly. */
  thickness: 0.8,
  /** Up to this share of the brightness is taken away. */
  contrast: 0.4,
  /** In grey levels. */
  noise: 15,
};

/**
 * `set`, augmented: each image is rotated, shifted, scaled and sheared, made thicker or thinner, darkened,
 * and given noise. The result depends only on `seed`, `epoch` and the number of the image, so a resumed run gets
 * the same images. They are made one by one when they are read.
 */
export function augmentOnDemand(
  set: ImageSet,
  seed: number,
  epoch: number,
  ranges = AUGMENTATION,
): ImageSet {
  const size = set.height * set.width;
  const [plane, warped] = [new Uint8Array(size), new Float32Array(size)];
  const readImage = (index: number, into: Uint8Array) => {
    into.set(gatherPixels(set, [index]));
    const from =
      Math.imul(seed, 0x9e3779b1) ^
      Math.imul(epoch + 1, 0x85ebca6b) ^
      Math.imul(index + 1, 0xc2b2ae35);
    augmentImage(into, set, randomUniform(from), ranges, plane, warped);
  };
  return { ...set, pixels: new Uint8Array(), readImage };
}

/** A copy of `set` with all images augmented: see `augmentOnDemand`. */
export function augmented(
  set: ImageSet,
  seed: number,
  epoch: number,
  ranges = AUGMENTATION,
): ImageSet {
  const all = [...Array(set.length).keys()];
  const pixels = gatherPixels(augmentOnDemand(set, seed, epoch, ranges), all);
  return { ...set, pixels, readImage: undefined };
}

/** Augments `pixels` [height, width, channels] in place. `plane` and `warped` are scratch memory. */
function augmentImage(
  pixels: Uint8Array,
  { height, width, channels }: ImageSet,
  random: () => number,
  ranges: typeof AUGMENTATION,
  plane: Uint8Array,
  warped: Float32Array,
): void {
  const within = (range: number) => range * (2 * random() - 1);
  const how = {
    angle: (within(ranges.rotation) * Math.PI) / 180,
    right: within(ranges.shift) * width,
    down: within(ranges.shift) * height,
    scale: 1 + within(ranges.scale),
    shear: within(ranges.shear),
  };
  const thickness = within(ranges.thickness);
  const brightness = 1 - ranges.contrast * random();
  for (let channel = 0; channel < channels; channel++) {
    for (let at = 0; at < plane.length; at++) plane[at] = pixels[channel + at * channels];
    warp(plane, warped, height, width, how);
    for (let at = 0; at < plane.length; at++) {
      const value = thickened(warped, at, height, width, thickness) * brightness;
      const noisy = value + within(ranges.noise);
      pixels[channel + at * channels] = Math.max(0, Math.min(255, noisy));
    }
  }
}

/** An affine map around the centre. Looks up, for each pixel of `to`, its place in `from`, with bilinear interpolation. */
function warp(
  from: Uint8Array,
  to: Float32Array,
  height: number,
  width: number,
  how: { angle: number; right: number; down: number; scale: number; shear: number },
): void {
  const { angle, right, down, scale, shear } = how;
  const [cos, sin] = [Math.cos(angle) / scale, Math.sin(angle) / scale];
  const [centreX, centreY] = [(width - 1) / 2, (height - 1) / 2];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const v = y - centreY - down;
      const u = x - centreX - right + shear * v;
      // Outside the image, the nearest edge continues.
      const fromX = Math.max(0, Math.min(width - 1, cos * u + sin * v + centreX));
      const fromY = Math.max(0, Math.min(height - 1, cos * v - sin * u + centreY));
      const left = Math.min(width - 2, Math.floor(fromX));
      const top = Math.min(height - 2, Math.floor(fromY));
      const [shareX, shareY] = [fromX - left, fromY - top];
      const at = top * width + left;
      const upper = from[at] + shareX * (from[at + 1] - from[at]);
      const below = from[at + width] + shareX * (from[at + width + 1] - from[at + width]);
      to[y * width + x] = upper + shareY * (below - upper);
    }
  }
}

/** A pixel, moved towards the brightest of its four neighbours (`thickness` > 0) or the darkest (< 0). */
function thickened(
  image: Float32Array,
  at: number,
  height: number,
  width: number,
  thickness: number,
): number {
  const x = at % width;
  const value = image[at];
  const left = x > 0 ? image[at - 1] : value;
  const right = x < width - 1 ? image[at + 1] : value;
  const above = at >= width ? image[at - width] : value;
  const below = at < (height - 1) * width ? image[at + width] : value;
  const extreme =
    thickness > 0
      ? Math.max(value, left, right, above, below)
      : Math.min(value, left, right, above, below);
  return value + Math.abs(thickness) * (extreme - value);
}
