/** Grids of grey images with captions, as PNG. */
import { Jimp, loadFont } from 'jimp';
import { gatherPixels, type ImageSet } from '../data/index';
import { InputError } from '../errors';
import type { DigitStep, GreyImage } from '../image/index';

// Its types stand behind an `exports` map that the kernel's TypeScript cannot follow.
const { SANS_14_BLACK } = require('jimp/fonts') as { SANS_14_BLACK: string };

const PAPER = 0xffffffff;
const WRONG = 0xd62728ff;
const EDGE = 0xa0a0a0ff;
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
  const pixels = gatherPixels(set, indices);
  const area = set.height * set.width;
  const cells = Array.from(indices, (index, i) => {
    const actual = set.labels[index];
    return {
      pixels: pixels.subarray(i * area, (i + 1) * area),
      width: set.width,
      height: set.height,
      caption: predictions ? `Pred: ${predictions[i]} | Actual: ${actual}` : `Label: ${actual}`,
      frame: predictions !== undefined && predictions[i] !== actual ? WRONG : PAPER,
    };
  });
  return drawGrid(cells, Math.min(columns, cells.length), size);
}

/**
 * Draws the steps from a picture to a network's input, as `digitSteps` and `readDigit` give them, a row for
 * each picture, with what each step does and how large it left the picture. Returns the bytes of a PNG.
 */
export async function stepsGrid(rows: DigitStep[][], size = 160): Promise<Buffer> {
  const columns = Math.max(...rows.map((row) => row.length));
  const cells = rows.flatMap((row) =>
    Array.from({ length: columns }, (_, i): Cell | undefined => {
      if (i >= row.length) return undefined;
      const { name, width, height } = row[i];
      const side = `${width}x${height}`; // the font has no ×
      return { ...row[i], caption: `${name.replace('×', 'x')}, ${side}`, frame: EDGE };
    }),
  );
  return drawGrid(cells, columns, size);
}

/** Draws pictures without captions, as the filters of a layer. Returns the bytes of a PNG. */
export async function tileGrid(tiles: GreyImage[], columns = 16, size = 44): Promise<Buffer> {
  const cells = tiles.map((tile) => ({ ...tile, frame: EDGE }));
  return drawGrid(cells, Math.min(columns, cells.length), size, 0);
}

/** Draws what each convolution answers, a row for each, as `featureMaps` gives it. Returns the bytes of a PNG. */
export async function featureGrid(
  layers: { layer: string; maps: GreyImage[] }[],
  size = 72,
): Promise<Buffer> {
  const columns = Math.max(...layers.map(({ maps }) => maps.length));
  const cells = layers.flatMap(({ layer, maps }) =>
    Array.from({ length: columns }, (_, i): Cell | undefined =>
      i < maps.length
        ? {
            ...maps[i],
            frame: EDGE,
            caption: i === 0 ? `${layer}, ${maps[i].height}x${maps[i].width}` : '',
          }
        : undefined,
    ),
  );
  return drawGrid(cells, columns, size);
}

/** A grey picture of any size, its caption, and the colour around it. */
interface Cell {
  pixels: Uint8Array;
  width: number;
  height: number;
  caption?: string;
  frame: number;
}

async function drawGrid(
  cells: (Cell | undefined)[],
  columns: number,
  size: number,
  captionHeight = CAPTION,
): Promise<Buffer> {
  const rows = Math.ceil(cells.length / columns);
  const side = size + 2 * FRAME;
  const sheet = new Jimp({
    width: GAP + columns * (side + GAP),
    height: GAP + rows * (side + captionHeight + GAP),
    color: PAPER,
  });
  const font = await loadFont(SANS_14_BLACK);
  cells.forEach((cell, i) => {
    if (!cell) return;
    const x = GAP + (i % columns) * (side + GAP);
    const y = GAP + Math.floor(i / columns) * (side + captionHeight + GAP);
    // The longer side fills the cell; pixels of small pictures are to be seen.
    const scale = size / Math.max(cell.width, cell.height);
    const [w, h] = [cell.width, cell.height].map((n) => Math.max(1, Math.round(n * scale)));
    const picture = greyPicture(cell.pixels, cell.width, cell.height);
    if (scale >= 1) picture.resize({ w, h, mode: 'nearestNeighbor' as never });
    else picture.resize({ w, h });
    const [left, top] = [x + ((side - w) >> 1), y + ((side - h) >> 1)];
    const rim = cell.frame === WRONG ? FRAME : 1;
    sheet.composite(
      new Jimp({ width: w + 2 * rim, height: h + 2 * rim, color: cell.frame }),
      left - rim,
      top - rim,
    );
    sheet.composite(picture, left, top);
    if (!cell.caption) return;
    sheet.print({
      font,
      x,
      y: y + side + 2,
      maxWidth: side + GAP,
      maxHeight: CAPTION,
      text: { text: cell.caption, alignmentX: 2 }, // centre
    });
  });
  return sheet.getBuffer('image/png');
}

function greyPicture(pixels: Uint8Array, width: number, height: number): InstanceType<typeof Jimp> {
  const data = Buffer.alloc(4 * width * height, 255);
  for (let i = 0; i < pixels.length; i++) data.fill(pixels[i], 4 * i, 4 * i + 3);
  return Jimp.fromBitmap({ data, width, height }) as InstanceType<typeof Jimp>;
}
