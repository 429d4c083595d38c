/** Grids of grey images with captions, as PNG. */
import { Jimp, loadFont } from 'jimp';
import { gatherPixels, type ImageSet } from '../data/index';
import { InputError } from '../errors';
import type { DigitStep, GreyImage } from '../image/index';

// The kernel's TypeScript cannot resolve its types: it does not read `exports` maps.
const { SANS_14_BLACK } = require('jimp/fonts') as { SANS_14_BLACK: string };

const WHITE = 0xffffffff;
const RED = 0xd62728ff;
const GREY = 0xa0a0a0ff;
const GAP = 10;
const CAPTION_HEIGHT = 22;
const FRAME = 4;

export interface GridOptions {
  /** The predicted class of each image. Captions become `Pred: 7 | Actual: 7`, and wrong ones get a red frame. */
  predictions?: ArrayLike<number>;
  columns?: number;
  /** Height and width of each image, in pixels. */
  size?: number;
}

/** Draws the images of `set` at `indices`. Returns a PNG. */
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
  const { height, width, labels } = set;
  const pixels = gatherPixels(set, indices);
  const area = height * width;
  const cells = Array.from(indices, (index, i): Cell => {
    const image = { pixels: pixels.subarray(i * area, (i + 1) * area), width, height };
    const actual = labels[index];
    if (!predictions) return { ...image, caption: `Label: ${actual}`, frame: WHITE };
    const caption = `Pred: ${predictions[i]} | Actual: ${actual}`;
    return { ...image, caption, frame: predictions[i] === actual ? WHITE : RED };
  });
  return drawGrid(inRows(cells, columns), size);
}

/** Draws the steps from `digitSteps` or `readDigit`, one row for each picture. Returns a PNG. */
export async function stepsGrid(rows: DigitStep[][], size = 160): Promise<Buffer> {
  const caption = ({ name, width, height }: DigitStep) =>
    `${name}, ${width}×${height}`.replaceAll('×', 'x'); // the font has no ×
  const cells = rows.map((row) =>
    row.map((step): Cell => ({ ...step, caption: caption(step), frame: GREY })),
  );
  return drawGrid(cells, size);
}

/** Draws images without captions, for example the filters of a layer. Returns a PNG. */
export async function tileGrid(tiles: GreyImage[], columns = 16, size = 44): Promise<Buffer> {
  const cells = tiles.map((tile): Cell => ({ ...tile, frame: GREY }));
  return drawGrid(inRows(cells, columns), size, 0);
}

/** Draws the maps from `featureMaps`, one row for each layer. Returns a PNG. */
export async function featureGrid(
  layers: { layer: string; maps: GreyImage[] }[],
  size = 72,
): Promise<Buffer> {
  const rows = layers.map(({ layer, maps }) =>
    maps.map((map, i): Cell => {
      const caption = i === 0 ? `${layer}, ${map.height}x${map.width}` : undefined;
      return { ...map, caption, frame: GREY };
    }),
  );
  return drawGrid(rows, size);
}

interface Cell extends GreyImage {
  caption?: string;
  /** Colour of the frame. */
  frame: number;
}

function inRows(cells: Cell[], columns: number): Cell[][] {
  const count = Math.ceil(cells.length / columns);
  return Array.from({ length: count }, (_, i) => cells.slice(i * columns, (i + 1) * columns));
}

async function drawGrid(
  rows: Cell[][],
  size: number,
  captionHeight = CAPTION_HEIGHT,
): Promise<Buffer> {
  const side = size + 2 * FRAME;
  const columns = Math.max(...rows.map((row) => row.length));
  const sheet = new Jimp({
    width: GAP + columns * (side + GAP),
    height: GAP + rows.length * (side + captionHeight + GAP),
    color: WHITE,
  });
  const font = await loadFont(SANS_14_BLACK);
  const drawCell = (cell: Cell, x: number, y: number) => {
    // The longer side fills the cell. Enlarged images keep sharp pixels.
    const scale = size / Math.max(cell.width, cell.height);
    const [w, h] = [cell.width, cell.height].map((n) => Math.max(1, Math.round(n * scale)));
    const image = jimpImage(cell);
    image.resize({ w, h, ...(scale >= 1 && { mode: 'nearestNeighbor' as never }) });
    const [left, top] = [x + ((side - w) >> 1), y + ((side - h) >> 1)];
    const rim = cell.frame === RED ? FRAME : 1;
    const frame = new Jimp({ width: w + 2 * rim, height: h + 2 * rim, color: cell.frame });
    sheet.composite(frame, left - rim, top - rim);
    sheet.composite(image, left, top);
    if (!cell.caption) return;
    const text = { text: cell.caption, alignmentX: 2 }; // centred
    const maxWidth = side + GAP;
    sheet.print({ font, x, y: y + side + 2, maxWidth, maxHeight: CAPTION_HEIGHT, text });
  };
  rows.forEach((row, r) => {
    row.forEach((cell, c) => {
      drawCell(cell, GAP + c * (side + GAP), GAP + r * (side + captionHeight + GAP));
    });
  });
  return sheet.getBuffer('image/png');
}

function jimpImage({ pixels, width, height }: GreyImage): InstanceType<typeof Jimp> {
  const data = Buffer.alloc(4 * width * height, 255);
  for (let i = 0; i < pixels.length; i++) data.fill(pixels[i], 4 * i, 4 * i + 3);
  return Jimp.fromBitmap({ data, width, height }) as InstanceType<typeof Jimp>;
}
