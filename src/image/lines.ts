/** Removes the lines of squared and ruled paper. */
import { type Plane, transpose } from './raster';

/** A line has ink in this share of the picture's width. */
const MIN_INK = 0.8;
/** No digit has so many parallel strokes from border to border. */
const MIN_LINES = 3;
/** Slopes of paper that is not quite straight. */
const SLOPES = Array.from({ length: 21 }, (_, i) => (i - 10) * 0.004);

/**
 * `mask`, which is 0 on paper, without lines from border to border, if there are at least three in parallel. Where a
 * stroke crosses a line, the stroke stays. As in the removal of staff lines from scanned music (Bainbridge, Bell 1997):
 * a line's pixels are cleared unless the ink above and below them goes on further than the line is thick.
 */
export function withoutLines(mask: Plane): Plane {
  return transpose(withoutRows(transpose(withoutRows(mask))));
}

function withoutRows({ values, width, height }: Plane): Plane {
  if (inkedColumns(values, width) < MIN_INK * width) return { values, width, height };
  const result = values.slice();
  const rowOf = (start: number, slope: number, x: number) =>
    Math.round(start + slope * (x - width / 2));
  const lines: { start: number; slope: number; thickness: number }[] = [];
  for (const slope of SLOPES) {
    for (let start = 0; start < height; start++) {
      const runs: number[] = [];
      for (let x = 0; x < width; x++) {
        const [top, bottom] = run(values, width, height, x, rowOf(start, slope, x));
        if (bottom > top) runs.push(bottom - top);
        else if (x + 1 - runs.length > (1 - MIN_INK) * width) break;
      }
      if (runs.length < MIN_INK * width) continue;
      // The lower quartile: a stroke may run along the line for half of its length.
      const thickness = runs.sort((a, b) => a - b)[runs.length >> 2];
      lines.push({ start, slope, thickness });
    }
  }
  lines.sort((a, b) => a.start - b.start);
  const count = lines.filter(
    ({ start, thickness }, i) => i === 0 || start - lines[i - 1].start > thickness,
  ).length;
  if (count < MIN_LINES) return { values, width, height };
  for (const { start, slope, thickness } of lines) {
    for (let x = 0; x < width; x++) {
      const [top, bottom] = run(values, width, height, x, rowOf(start, slope, x));
      if (bottom - top > 1.5 * thickness + 1) continue; // a stroke
      for (let y = top; y < bottom; y++) result[y * width + x] = 0;
    }
  }
  return { values: result, width, height };
}

function inkedColumns(values: Float32Array, width: number): number {
  const inked = new Uint8Array(width);
  for (let i = 0; i < values.length; i++) if (values[i] !== 0) inked[i % width] = 1;
  return inked.reduce((sum, column) => sum + column, 0);
}

/** The ink above and below a pixel, itself included: from `top` to before `bottom`. Empty if the pixel has none. */
function run(
  values: Float32Array,
  width: number,
  height: number,
  x: number,
  y: number,
): [top: number, bottom: number] {
  if (y < 0 || y >= height || values[y * width + x] === 0) return [y, y];
  let [top, bottom] = [y, y + 1];
  while (top > 0 && values[(top - 1) * width + x] !== 0) top--;
  while (bottom < height && values[bottom * width + x] !== 0) bottom++;
  return [top, bottom];
}
