/** Grids of grey images with captions, as PNG. */
import { Jimp, loadFont } from 'jimp';
import { gatherPixels, type ImageSet } from '../data/index';
import { InputError } from '../errors';

// Its types stand behind an `exports` map that the kernel's TypeScript cannot follow.
const { SANS_14_BLACK } = require('jimp/fonts') as { SANS_14_BLACK: string };

const PAPER = 0xffffffff;
const WRONG = 0xd62728ff;
const GAP = 10;
const CAPTION = 22;
const FRAME = 4;

export interface GridOptions {
  /** A class for each image: the caption reads `Pred: 7 | Actual: 7`, and wrong ones get a red frame. */
  predictions?: ArrayLike<number>;
  columns?: number;
  /** Height and width of each picture, in pixels. */
  size?: number;
}

/** Draws the images of `set` that `indices` name. Returns the bytes of a PNG. */
export async function imageGrid(
  set: ImageSet,
  indices: ArrayLike<number>,
  options: GridOptions = {},
): Promise<Buffer> {
  const { predictions, columns = 6, size = 140 } = options;
  if (indices.length < 1) throw new InputError('an image grid needs at least one image');
  if (predictions && predictions.length !== indices.length) {
    throw new InputError(`${predictions.length} predictions for ${indices.length} images`);
  }
  const used = Math.min(columns, indices.length);
  const rows = Math.ceil(indices.length / used);
  const cell = size + 2 * FRAME;
  const sheet = new Jimp({
    width: GAP + used * (cell + GAP),
    height: GAP + rows * (cell + CAPTION + GAP),
    color: PAPER,
  });
  const font = await loadFont(SANS_14_BLACK);
  const pixels = gatherPixels(set, indices);
  const area = set.height * set.width;
  for (let i = 0; i < indices.length; i++) {
    const x = GAP + (i % used) * (cell + GAP);
    const y = GAP + Math.floor(i / used) * (cell + CAPTION + GAP);
    const actual = set.labels[indices[i]];
    const wrong = predictions !== undefined && predictions[i] !== actual;
    if (wrong) sheet.composite(new Jimp({ width: cell, height: cell, color: WRONG }), x, y);
    const picture = greyPicture(pixels.subarray(i * area, (i + 1) * area), set.width, set.height);
    picture.resize({ w: size, h: size, mode: 'nearestNeighbor' as never });
    sheet.composite(picture, x + FRAME, y + FRAME);
    sheet.print({
      font,
      x,
      y: y + cell + 2,
      maxWidth: cell,
      maxHeight: CAPTION,
      text: {
        text: predictions ? `Pred: ${predictions[i]} | Actual: ${actual}` : `Label: ${actual}`,
        alignmentX: 2, // centre
      },
    });
  }
  return sheet.getBuffer('image/png');
}

function greyPicture(pixels: Uint8Array, width: number, height: number): InstanceType<typeof Jimp> {
  const data = Buffer.alloc(4 * width * height, 255);
  for (let i = 0; i < pixels.length; i++) data.fill(pixels[i], 4 * i, 4 * i + 3);
  return Jimp.fromBitmap({ data, width, height }) as InstanceType<typeof Jimp>;
}
