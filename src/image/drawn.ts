import type { Bitmap } from './bitmap';

/** Pixels per character: enough for smooth strokes after resizing. */
const SIDE = 8;

/**
 * A picture drawn with characters, one line of text per row: black where the text has a `#`, white elsewhere. Characters
 * are taller than wide, so each one is a rectangle of two by one.
 */
export function drawnBitmap(text: string): Bitmap {
  const lines = text.split('\n');
  const columns = Math.max(...lines.map((line) => line.length));
  const [width, height] = [(columns + 2) * SIDE, (lines.length + 2) * 2 * SIDE];
  const data = new Uint8ClampedArray(4 * width * height).fill(255);
  for (let y = 0; y < height; y++) {
    const line = lines[Math.floor(y / (2 * SIDE)) - 1] ?? '';
    for (let x = 0; x < width; x++) {
      if (line[Math.floor(x / SIDE) - 1] === '#')
        data.fill(0, 4 * (y * width + x), 4 * (y * width + x) + 3);
    }
  }
  return { data, width, height };
}
