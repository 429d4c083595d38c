import {
  barFigure,
  calibrationFigure,
  confusionFigure,
  type Figure,
  figureSvg,
  stepCurves,
} from '../../src/viz/index';

const count = (svg: string, pattern: RegExp) => svg.match(pattern)?.length ?? 0;

test('a line runs from the lower to the upper end of its axis', () => {
  const line = {
    type: 'scatter',
    mode: 'lines',
    x: [0, 10],
    y: [0, 4],
    line: { color: '#123456' },
  };
  const layout = { width: 290, height: 230, xaxis: { range: [0, 10] }, yaxis: { range: [0, 4] } };
  const svg = figureSvg({ data: [line], layout }, 'a line');
  // 70 and 20 pixels are left at the sides, 70 above and 60 below.
  expect(svg).toContain('d="M70 170L270 70" fill="none" stroke="#123456"');
  expect(svg).toContain('<title>a line</title>');
  for (const tick of ['0', '2', '4', '10']) expect(svg).toContain(`>${tick}</text>`);
});

test('curves, bars and heat maps have one mark per value', () => {
  const steps = [1, 2, 3].map((step) => ({ step, learningRate: 1, loss: 1 / step, accuracy: 0.5 }));
  expect(count(figureSvg(stepCurves(steps), ''), /stroke-width="2"/g)).toBe(4);
  const bars = barFigure(['a', 'b'], [1, 2], 'Two', ['x', 'y']);
  expect(count(figureSvg(bars, ''), /fill="#1f77b4"/g)).toBe(2);
  const cells = figureSvg(confusionFigure([[3, 1], [0, 2]]), ''); // biome-ignore format: a matrix
  expect(count(cells, /fill-opacity/g)).toBe(4);
  const calibration = calibrationFigure([{ images: 1, confidence: 0.5, accuracy: 1 }]);
  expect(count(figureSvg(calibration, ''), /<circle/g)).toBe(1);
});

test('missing, infinite and logarithmic values never become NaN', () => {
  const odd: Figure[] = [
    { data: [{ type: 'scatter', x: [1, 2, 3], y: [1, null, 3] }], layout: {} },
    { data: [{ type: 'scatter', x: [1, 2], y: [0, 0.5] }], layout: { yaxis: { type: 'log' } } },
    { data: [{ type: 'scatter', x: [], y: [] }], layout: {} },
    { data: [{ type: 'scatter', x: [1], y: [Number.NaN] }], layout: {} },
    { data: [], layout: {} },
  ];
  for (const figure of odd) expect(figureSvg(figure, '')).not.toMatch(/NaN|Infinity|undefined/);
});

test('titles are escaped', () => {
  const svg = figureSvg({ data: [], layout: { title: { text: '<script>&' } } }, '"<b>');
  expect(svg).toContain('&lt;script&gt;&amp;');
  expect(svg).not.toContain('<script');
});
