/** Image processing on planes of numbers, for `digit.ts`. The functions return a new plane and do not change theirs. */

export interface Plane {
  /** [height, width] */
  values: Float32Array;
  width: number;
  height: number;
}

/** A rectangle in an image. `right` and `bottom` are exclusive. */
export interface Box {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

export function mapPlane(plane: Plane, f: (value: number, i: number) => number): Plane {
  const values = new Float32Array(plane.values.length);
  for (let i = 0; i < values.length; i++) values[i] = f(plane.values[i], i);
  return { ...plane, values };
}

export function transpose({ values, width, height }: Plane): Plane {
  const result = new Float32Array(values.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) result[x * height + y] = values[y * width + x];
  }
  return { values: result, width: height, height: width };
}

/** Applies `onRows` to the rows, then to the columns. */
function inBothDirections(plane: Plane, onRows: (plane: Plane) => Plane): Plane {
  return transpose(onRows(transpose(onRows(plane))));
}

/** Resizes by area: a target pixel is the mean of the source area it covers. */
export function resizeByArea(plane: Plane, width: number, height: number): Plane {
  return transpose(resizeRows(transpose(resizeRows(plane, width)), height));
}

function resizeRows({ values, width, height }: Plane, to: number): Plane {
  const scale = width / to;
  const result = new Float32Array(to * height);
  for (let x = 0; x < to; x++) {
    const [from, end] = [x * scale, (x + 1) * scale];
    for (let s = Math.floor(from); s < Math.min(width, Math.ceil(end)); s++) {
      const share = (Math.min(s + 1, end) - Math.max(s, from)) / scale;
      for (let y = 0; y < height; y++) result[y * to + x] += share * values[y * width + s];
    }
  }
  return { values: result, width: to, height };
}

/** Each pixel becomes the mean of the square of side 2 · `radius` + 1 around it, clipped to the picture. */
export function blur(plane: Plane, radius: number): Plane {
  return inBothDirections(plane, ({ values, width, height }) => {
    const result = new Float32Array(values.length);
    const sums = new Float64Array(width + 1);
    for (let row = 0; row < values.length; row += width) {
      for (let x = 0; x < width; x++) sums[x + 1] = sums[x] + values[row + x];
      for (let x = 0; x < width; x++) {
        const from = x < radius ? 0 : x - radius;
        const end = x + radius >= width ? width : x + radius + 1;
        result[row + x] = (sums[end] - sums[from]) / (end - from);
      }
    }
    return { values: result, width, height };
  });
}

/** Each pixel becomes the largest value of the square of side 2 · `radius` + 1 around it. */
export function grow(plane: Plane, radius: number): Plane {
  const side = 2 * radius + 1;
  return inBothDirections(plane, ({ values, width, height }) => {
    const result = new Float32Array(values.length);
    const line = new Float32Array(width + 2 * radius);
    for (let row = 0; row < values.length; row += width) {
      line.fill(-Infinity).set(values.subarray(row, row + width), radius);
      // line[x] becomes the largest of `length` values from x on. The length doubles, so a wide square costs little more.
      let length = 1;
      for (; 2 * length <= side; length *= 2) {
        for (let x = 0; x + length < line.length; x++) {
          if (line[x + length] > line[x]) line[x] = line[x + length];
        }
      }
      const rest = side - length;
      for (let x = 0; x < width; x++) result[row + x] = Math.max(line[x], line[x + rest]);
    }
    return { values: result, width, height };
  });
}

/** Each pixel becomes the smallest value of that square. This removes narrower light strokes. */
export function erode(plane: Plane, radius: number): Plane {
  const negative = (of: Plane) => mapPlane(of, (value) => -value);
  return negative(grow(negative(plane), radius));
}

/** Each pixel becomes the largest value within `radius`. The disc has a soft rim, so fractions work too. */
export function growRound(plane: Plane, radius: number): Plane {
  const { values, width, height } = plane;
  const reach = Math.ceil(radius);
  const side = 2 * reach + 1;
  const disc = Float64Array.from({ length: side * side }, (_, i) => {
    const distance = Math.hypot((i % side) - reach, Math.floor(i / side) - reach);
    return Math.min(1, Math.max(0, radius + 1 - distance));
  });
  const at = (x: number, y: number) =>
    x < 0 || y < 0 || x >= width || y >= height ? 0 : values[y * width + x];
  const result = new Float32Array(values.length);
  for (let i = 0; i < values.length; i++) {
    if (values[i] === 0) continue;
    const [cx, cy] = [i % width, Math.floor(i / width)];
    // Of four neighbours that are as large, one is nearer to every other pixel.
    if (Math.min(at(cx - 1, cy), at(cx + 1, cy), at(cx, cy - 1), at(cx, cy + 1)) >= values[i]) {
      if (values[i] > result[i]) result[i] = values[i];
      continue;
    }
    const [left, right] = [Math.max(-reach, -cx), Math.min(reach, width - 1 - cx)];
    const [top, bottom] = [Math.max(-reach, -cy), Math.min(reach, height - 1 - cy)];
    for (let dy = top; dy <= bottom; dy++) {
      const row = i + dy * width;
      const middle = (dy + reach) * side + reach;
      for (let dx = left; dx <= right; dx++) {
        const value = disc[middle + dx] * values[i];
        if (value > result[row + dx]) result[row + dx] = value;
      }
    }
  }
  return { values: result, width, height };
}

/** Adds `by` pixels on each side. They continue the picture: a gradient continues as a gradient. */
export function extend(plane: Plane, by: number): Plane {
  return inBothDirections(plane, ({ values, width, height }) => {
    const wide = width + 2 * by;
    const result = new Float32Array(wide * height);
    for (let x = 0; x < wide; x++) {
      const edge = Math.min(width - 1, Math.max(0, x - by));
      // As far inside the edge as x is outside. Inside the picture, the pixel itself.
      const twin = Math.min(width - 1, Math.max(0, 2 * edge - (x - by)));
      for (let y = 0; y < height; y++) {
        result[y * wide + x] = 2 * values[y * width + edge] - values[y * width + twin];
      }
    }
    return { values: result, width: wide, height };
  });
}

/** The part of a plane that starts at (left, top). Pixels outside the plane are 0. */
export function crop(
  { values, width, height }: Plane,
  left: number,
  top: number,
  newWidth: number,
  newHeight: number,
): Plane {
  const result = new Float32Array(newWidth * newHeight);
  const [from, end] = [Math.max(0, left), Math.min(width, left + newWidth)];
  for (let y = Math.max(0, top); y < Math.min(height, top + newHeight); y++) {
    const row = values.subarray(y * width + from, y * width + end);
    result.set(row, (y - top) * newWidth + from - left);
  }
  return { values: result, width: newWidth, height: newHeight };
}

/** The smallest box around all pixels that are not 0. If there are none, it has a negative size. */
export function litBox(values: ArrayLike<number>, width: number, height: number): Box {
  const box = { left: width, top: height, right: 0, bottom: 0 };
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (values[y * width + x] === 0) continue;
      if (y < box.top) box.top = y;
      box.bottom = y + 1;
      if (x < box.left) box.left = x;
      if (x >= box.right) box.right = x + 1;
    }
  }
  return box;
}

/** The 8-connected components of the pixels that are not 0, each as the indices of its pixels. */
export function components({ values, width, height }: Plane): number[][] {
  const seen = new Uint8Array(values.length);
  const found: number[][] = [];
  for (let start = 0; start < values.length; start++) {
    if (values[start] === 0 || seen[start]) continue;
    const pixels = [start];
    seen[start] = 1;
    for (let next = 0; next < pixels.length; next++) {
      const x = pixels[next] % width;
      const y = (pixels[next] - x) / width;
      for (let v = y - 1; v <= y + 1; v++) {
        for (let u = x - 1; u <= x + 1; u++) {
          const i = v * width + u;
          if (u < 0 || u >= width || v < 0 || v >= height || values[i] === 0 || seen[i]) continue;
          seen[i] = 1;
          pixels.push(i);
        }
      }
    }
    found.push(pixels);
  }
  return found;
}

export function isOnBorder(i: number, width: number, height: number): boolean {
  const x = i % width;
  return x === 0 || x === width - 1 || i < width || i >= width * (height - 1);
}

/** The outermost pixels. */
export function border({ values, width, height }: Plane): Float32Array {
  return values.filter((_, i) => isOnBorder(i, width, height));
}

/** The mean, or 0 if there are no values. */
export function mean(values: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return sum / Math.max(1, values.length);
}

/** The quantile of `values`, 0 to 255, rounded to a quarter. */
export function quantile(values: Float32Array, share: number): number {
  const counts = histogram(values, 4);
  const wanted = Math.max(1, share * values.length);
  let [bin, sum] = [0, counts[0]];
  while (sum < wanted) sum += counts[++bin];
  return bin / 4;
}

/** The threshold that splits `values`, 0 to 255, into the two groups that differ most (Otsu 1979). */
export function otsu(values: Float32Array): number {
  const counts = histogram(values, 1);
  const total = counts.reduce((sum, count, bin) => sum + count * bin, 0);
  let [best, threshold, below, sumBelow] = [-1, 0, 0, 0];
  counts.forEach((count, bin) => {
    below += count;
    sumBelow += count * bin;
    const above = values.length - below;
    if (below === 0 || above === 0) return;
    const between = below * above * (sumBelow / below - (total - sumBelow) / above) ** 2;
    if (between > best) [best, threshold] = [between, bin + 0.5];
  });
  return threshold;
}

/** Counts the values 0 to 255 with `bins` bins per unit. */
function histogram(values: Float32Array, bins: number): number[] {
  const last = 255 * bins;
  const counts = new Array<number>(last + 1).fill(0);
  for (let i = 0; i < values.length; i++) {
    const bin = (values[i] * bins + 0.5) | 0;
    counts[bin < 0 ? 0 : bin > last ? last : bin]++;
  }
  return counts;
}
