/** Tells dark ink from light ink and removes shadows. */
import {
  blur,
  border,
  crop,
  erode,
  extend,
  grow,
  mapPlane,
  mean,
  type Plane,
  resizeByArea,
} from './raster';

/** Longer side of the reduced picture on which the brightness of the paper is estimated. */
const LIGHT_SIDE = 64;

/** Shrinks `plane` until its longer side is `side`. Smaller planes stay as they are. */
export function reduce(plane: Plane, side: number): Plane {
  const scale = side / Math.max(plane.width, plane.height);
  if (scale >= 1) return plane;
  const shrunk = (length: number) => Math.max(1, Math.round(length * scale));
  return resizeByArea(plane, shrunk(plane.width), shrunk(plane.height));
}

export function invert(plane: Plane): Plane {
  return mapPlane(plane, (value) => 255 - value);
}

/** Reduces `plane` for the estimate of its paper. */
function smallOf(plane: Plane): Plane {
  return blur(reduce(plane, LIGHT_SIDE), 1);
}

/** The paper behind light ink: removes everything narrow, and `margin` pixels around it. */
function background(plane: Plane, margin = 0): Plane {
  const small = smallOf(plane);
  // A third of the picture is wider than any stroke and narrower than most shadows.
  const radius = Math.max(1, Math.round(Math.max(small.width, small.height) / 6));
  const paper = grow(erode(extend(small, radius), radius), radius + margin);
  return blur(crop(paper, radius, radius, small.width, small.height), 2);
}

/**
 * Tries both. Removing the ink leaves smooth paper that matches the border; removing the paper leaves a blot.
 * A mean or a median could not tell ink in the sun from paper in the shade.
 */
export function isDarkOnLight(picture: Plane): boolean {
  const inverted = invert(picture);
  const small = smallOf(picture);
  return roughness(background(inverted), invert(small)) < roughness(background(picture), small);
}

function roughness(paper: Plane, picture: Plane): number {
  const { values, width, height } = paper;
  const bend = (i: number, step: number) =>
    Math.abs(values[i - step] - 2 * values[i] + values[i + step]);
  let bends = 0;
  for (let i = 0; i < values.length; i++) {
    const [x, y] = [i % width, Math.floor(i / width)];
    if (x > 0 && x < width - 1) bends += bend(i, 1);
    if (y > 0 && y < height - 1) bends += bend(i, width);
  }
  const edge = border(picture);
  const mismatch = mean(border(paper).map((value, i) => Math.abs(value - edge[i])));
  return bends / Math.max(width, height) + mismatch;
}

/**
 * Turns light ink on any paper into light ink on black. Each pixel is scaled to the range from paper to white,
 * so ink in the shade counts as much as ink in the light.
 */
export function evenLight(light: Plane): Plane {
  // The margin is as wide as the blurs, so the edge of a shadow does not turn into a line.
  const small = background(light, 4);
  const cell = Math.ceil(light.width / small.width);
  const paper = blur(resizeByArea(small, light.width, light.height), cell);
  return mapPlane(light, (value, i) => {
    const ink = value - paper.values[i];
    const most = 255 - paper.values[i];
    return ink <= 0 ? 0 : (255 * ink) / (most < 32 ? 32 : most);
  });
}
