/** Grids of grey images with captions, as PNG. */
import sharp from 'sharp';
import { gatherPixels, type ImageSet } from '../data/index';
import { InputError } from '../errors';
import { type DigitStep, type GreyImage, resize } from '../image/index';

// The kernel's TypeScript cannot resolve its types: it does not read `exports` maps.
const { SANS_14_BLACK } = require('jimp/fonts') as { SANS_14_BLACK: string };

const TRANSPARENT = 0x00000000;
const RED = 0xd62728ff;
/** Each image with its caption is a dark card, which looks right on light and dark pages. */
const CARD = 0x2b2f36ff;
const GAP = 10;
const CAPTION_HEIGHT = 22;
const FRAME = 4;
/** The width of a letter in captions, roughly, in pixels. */
const LETTER = 7;

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
  const { height, width, channels, labels, classNames } = set;
  const pixels = gatherPixels(set, indices);
  const area = height * width * channels;
  const cells = Array.from(indices, (index, i): Cell => {
    const image = { pixels: pixels.subarray(i * area, (i + 1) * area), width, height, channels };
    const actual = labels[index];
    const name = classNames[actual];
    if (!predictions) return { ...image, caption: `Label: ${name}`, frame: CARD };
    const predicted = classNames[predictions[i]];
    const long = `Pred: ${predicted} | Actual: ${name}`;
    const caption = LETTER * long.length <= size ? long : `${predicted} | ${name}`;
    return { ...image, caption, frame: predictions[i] === actual ? CARD : RED };
  });
  return drawGrid(inRows(cells, columns), size);
}

/** A sheet with more images than this shows them smaller, and without captions. */
const MOST_LARGE = 400;

/**
 * Draws the steps from `digitSteps` or `readDigit`, each picture's next to each other. If there are many pictures, several
 * share a row. Returns a PNG.
 */
export async function stepsGrid(pictures: DigitStep[][], size = 160): Promise<Buffer> {
  const count = pictures.flat().length;
  const isLarge = count <= MOST_LARGE;
  const caption = ({ name, width, height }: DigitStep) =>
    isLarge ? `${name}, ${width}x${height}` : undefined; // the font has no ×
  const columns = Math.ceil(Math.sqrt(count));
  const rows: Cell[][] = [];
  for (const steps of pictures) {
    const cells = steps.map((step): Cell => ({ ...step, caption: caption(step), frame: CARD }));
    const row = rows.at(-1);
    if (row && row.length + cells.length <= columns) row.push(...cells);
    else rows.push(cells);
  }
  const side = isLarge ? size : Math.max(28, Math.round(size * Math.sqrt(MOST_LARGE / count)));
  return drawGrid(rows, side, isLarge ? undefined : 0);
}

/** Draws images without captions, for example the filters of a layer. Returns a PNG. */
export async function tileGrid(tiles: GreyImage[], columns = 16, size = 44): Promise<Buffer> {
  const cells = tiles.map((tile): Cell => ({ ...tile, frame: CARD }));
  return drawGrid(inRows(cells, columns), size, 0);
}

/** Draws the maps from `featureMaps`, one row for each layer. Returns a PNG. */
export async function featureGrid(
  layers: { layer: string; maps: GreyImage[] }[],
  size = 72,
): Promise<Buffer> {
  const rows = layers.map(({ layer, maps }) =>
    maps.map((map, i): Cell => {
      const caption = i === 0 ? layer : undefined;
      return { ...map, caption, frame: CARD };
    }),
  );
  return drawGrid(rows, size);
}

/** A value for each place of an image, of any resolution. */
export interface Heat {
  values: ArrayLike<number>;
  height: number;
  width: number;
}

/**
 * Draws one image under several heat maps: red where the values are positive, blue where they are negative, each map
 * scaled alone. Returns a PNG.
 */
export async function heatGrid(
  image: GreyImage,
  maps: { heat: Heat; caption: string }[],
  size = 168,
): Promise<Buffer> {
  const large = 112;
  const pixels = resize(image.pixels, image.height, image.width, large);
  const cells = maps.map(({ heat, caption }): Cell => {
    const magnitudes = Array.from(heat.values, Math.abs);
    const largest = magnitudes.reduce((most, value) => Math.max(most, value), 0) || 1;
    const values = Float32Array.from({ length: large * large }, (_, i) => {
      const y = ((Math.floor(i / large) + 0.5) * heat.height) / large - 0.5;
      const x = (((i % large) + 0.5) * heat.width) / large - 0.5;
      return valueBetween(heat, y, x) / largest;
    });
    return { pixels, heat: values, width: large, height: large, caption, frame: CARD };
  });
  return drawGrid([cells], size);
}

/** The value at a place between the grid points, by bilinear interpolation. */
function valueBetween({ values, height, width }: Heat, y: number, x: number): number {
  const at = (row: number, column: number) =>
    values[
      Math.min(height - 1, Math.max(0, row)) * width + Math.min(width - 1, Math.max(0, column))
    ];
  const [top, left] = [Math.floor(y), Math.floor(x)];
  const [down, right] = [y - top, x - left];
  return (
    (1 - down) * ((1 - right) * at(top, left) + right * at(top, left + 1)) +
    down * ((1 - right) * at(top + 1, left) + right * at(top + 1, left + 1))
  );
}

interface Cell extends GreyImage {
  /** Without it the image is grey. */
  channels?: number;
  /** From -1 (blue) to 1 (red), for each pixel. */
  heat?: Float32Array;
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
  const { Jimp, loadFont } = await import('jimp'); // not before: loading it takes 0.2 s
  const side = size + 2 * FRAME;
  const columns = Math.max(...rows.map((row) => row.length));
  const sheet = new Jimp({
    width: columns * (side + GAP) - GAP,
    height: rows.length * (side + captionHeight + GAP) - GAP,
    color: TRANSPARENT,
  });
  const font = await loadFont(SANS_14_BLACK);
  const drawCell = (cell: Cell, x: number, y: number) => {
    // The longer side fills the cell. Enlarged images keep sharp pixels.
    const scale = size / Math.max(cell.width, cell.height);
    const [w, h] = [cell.width, cell.height].map((n) => Math.max(1, Math.round(n * scale)));
    const image = Jimp.fromBitmap(bitmap(cell));
    image.resize({ w, h, ...(scale >= 1 && { mode: 'nearestNeighbor' as never }) });
    const height = side + (cell.caption ? captionHeight : 0);
    const card = new Jimp({ width: side, height, color: CARD });
    if (cell.frame !== CARD)
      paste(new Jimp({ width: side, height: side, color: cell.frame }).bitmap, card.bitmap, 0, 0);
    paste(image.bitmap, card.bitmap, (side - w) >> 1, (side - h) >> 1);
    if (cell.caption) {
      const text = { text: cell.caption, alignmentX: 2 }; // centred
      const caption = new Jimp({ width: side, height: captionHeight, color: TRANSPARENT });
      caption.print({ font, x: 0, y: 1, maxWidth: side, maxHeight: captionHeight, text });
      card.composite(caption.invert(), 0, side); // to white: there is no white font of this size
    }
    paste(card.bitmap, sheet.bitmap, x, y);
  };
  rows.forEach((row, r) => {
    row.forEach((cell, c) => {
      drawCell(cell, c * (side + GAP), r * (side + captionHeight + GAP));
    });
  });
  const { data, width, height } = sheet.bitmap; // jimp would take 0.1 s to compress them
  return sharp(data, { raw: { width, height, channels: 4 } })
    .png({ adaptiveFiltering: true })
    .toBuffer();
}

/** Copies `source` into `target` at (x, y). jimp's `composite` would mix each pixel, which takes 20 times as long. */
function paste(source: JimpBitmap, target: JimpBitmap, x: number, y: number): void {
  for (let row = 0; row < source.height; row++) {
    const from = 4 * row * source.width;
    const pixels = source.data.subarray(from, from + 4 * source.width);
    target.data.set(pixels, 4 * ((y + row) * target.width + x));
  }
}

interface JimpBitmap {
  data: Buffer;
  width: number;
  height: number;
}

function bitmap({ pixels, heat, width, height, channels = 1 }: Cell): JimpBitmap {
  const data = Buffer.alloc(4 * width * height, 255);
  for (let i = 0; i < width * height; i++) {
    const [red, blue] = heat ? [Math.max(0, heat[i]), Math.max(0, -heat[i])] : [0, 0];
    const mix = (channel: number, color: number) => {
      const value = pixels[i * channels + (channel % channels)];
      return value * (1 - 0.75 * (red + blue)) + 0.75 * color * (red + blue);
    };
    data.set([mix(0, red > 0 ? 255 : 40), mix(1, 70), mix(2, blue > 0 ? 255 : 40)], 4 * i);
  }
  return { data, width, height };
}
