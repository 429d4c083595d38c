import { type Bitmap, digitSteps, digitsIn, drawnBitmap, isWide } from '../../src/image/index';
import { type DrawOptions, draw } from './hands';

const usual: Omit<DrawOptions, 'label'> = {
  ...{ width: 120, height: 160, size: 0.7, x: 0.5, y: 0.5, stroke: 0.1, rotation: 0, shear: 0.1 },
  ...{ aspect: 0.6, ink: 20, paper: 240, shade: 0, shadeAngle: 0, vignette: 0, noise: 2 },
  ...{ wobble: 0, seed: 1 },
};

/** The digits on one paper, each at a place. */
function together(digits: [label: number, left: number, top: number][], options = usual): Bitmap {
  const width = Math.max(...digits.map(([, left]) => left)) + options.width;
  const height = Math.max(...digits.map(([, , top]) => top)) + options.height;
  const data = new Uint8ClampedArray(4 * width * height).fill(255);
  for (const [label, left, top] of digits) {
    const { data: drawn } = draw({ ...options, label });
    for (let i = 0; i < drawn.length; i++) {
      const [x, y] = [(i >> 2) % options.width, Math.floor((i >> 2) / options.width)];
      const at = 4 * ((top + y) * width + left + x) + (i & 3);
      data[at] = Math.min(data[at], drawn[i]);
    }
  }
  return { data, width, height };
}

test('digits side by side and in rows are found in reading order, each as if it were alone', () => {
  const places: [number, number, number][] = [
    ...([
      [7, 0, 4],
      [5, 90, 0],
      [1, 180, 8],
    ] as [number, number, number][]),
    ...([
      [4, 10, 160],
      [2, 110, 155],
    ] as [number, number, number][]),
  ];
  const found = digitsIn(together([...places].reverse()));
  expect(found.length).toBe(5);
  for (const [i, [label, left, top]] of places.entries()) {
    const [alone] = digitsIn(draw({ ...usual, label }));
    const { box, steps } = found[i];
    expect(Math.abs(box.left - left - alone.box.left)).toBeLessThanOrEqual(2);
    expect(Math.abs(box.bottom - top - alone.box.bottom)).toBeLessThanOrEqual(2);
    expect(steps.map(({ name }) => name)).toEqual(alone.steps.map(({ name }) => name));
    const [pixels, wanted] = [steps, alone.steps].map((each) => each.at(-1)!.pixels);
    const difference = pixels.reduce((sum, value, k) => sum + Math.abs(value - wanted[k]), 0) / 784;
    expect(difference).toBeLessThan(8); // the background light is estimated from another picture
  }
});

test('digitSteps wants one digit', () => {
  const two = together([
    [3, 0, 0],
    [8, 100, 0],
  ]);
  expect(() => digitSteps(two)).toThrow('2 digits found, want one');
});

test('one digit in several parts is one digit: a bar that is off, strokes apart, dots', () => {
  const five = `
   #######

   ##
   ######
        ##
        ##
   ######
`;
  const four = `
   ##     ##
   ##     ##
   ##     ##
   #####  ##
          ##
          ##
          ##
`;
  const dots = `
 # # # # #

         #
        #
       #

      #

     #
`;
  for (const drawing of [five, four, dots]) {
    expect(digitsIn(drawnBitmap(drawing)).length).toBe(1);
  }
});

test('digits that touch are too wide for one', () => {
  const wide = { ...usual, width: 160, aspect: 0.9 };
  const pair: [number, number, number][] = [
    [2, 0, 0],
    [2, 85, 0],
  ];
  const [both, ...others] = digitsIn(together(pair, wide));
  expect(others.length).toBe(0);
  expect(isWide(both.box)).toBe(true);
  expect(isWide(digitsIn(draw({ ...wide, label: 2 }))[0].box)).toBe(false);
});
