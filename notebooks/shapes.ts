/** Makes a small dataset of pictures for notebook 7: circles, squares and triangles, one folder each. */
import fs from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import { randomUniform } from '../src/data/index';

const SHAPES: Record<string, (x: number, y: number, r: number) => string> = {
  circle: (x, y, r) => `<circle cx="${x}" cy="${y}" r="${r}"/>`,
  square: (x, y, r) => `<rect x="${x - r}" y="${y - r}" width="${2 * r}" height="${2 * r}"/>`,
  triangle: (x, y, r) => `<path d="M${x} ${y - r}L${x + r} ${y + r}H${x - r}Z"/>`,
};

/** Writes `count` pictures of each shape, in any colour, size and place, to `folder`. The same for each call. */
export async function makeShapes(folder: string, count = 200): Promise<void> {
  const random = randomUniform(1);
  const between = (low: number, high: number) => Math.round(low + (high - low) * random());
  const colour = (low: number, high: number) =>
    `rgb(${[0, 0, 0].map(() => between(low, high)).join()})`;
  for (const [name, draw] of Object.entries(SHAPES)) {
    fs.mkdirSync(path.join(folder, name), { recursive: true });
    for (let i = 0; i < count; i++) {
      const r = between(14, 24);
      const shape = draw(between(r, 64 - r), between(r, 64 - r), r);
      const turn = `rotate(${between(-20, 20)} 32 32)`;
      const isLight = random() < 0.5;
      const [paper, ink] = isLight
        ? [colour(170, 255), colour(0, 110)]
        : [colour(0, 80), colour(130, 255)];
      const svg =
        `<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"><rect width="64" height="64" fill="${paper}"/>` +
        `<g fill="${ink}" transform="${turn}">${shape}</g></svg>`;
      await sharp(Buffer.from(svg))
        .png()
        .toFile(path.join(folder, name, `${i}.png`));
    }
  }
}
