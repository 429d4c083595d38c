import { ALEXNET, layerTable } from '../../src/model/index';
import { barsDrawing, localised, matrixDrawing, networkDrawing } from '../../src/viz/index';
import { localisedFigure } from '../../src/viz/language';

const count = (svg: string, pattern: RegExp) => (svg.match(pattern) ?? []).length;

test('a matrix is drawn with its numbers, its frame and its padding', () => {
  const { svg } = matrixDrawing(
    [
      {
        values: [
          [0, 1],
          [2, -3],
        ],
        frame: [0, 0, 1, 2],
        padding: 1,
        digits: 1,
      },
      '=',
      { values: [[10]] },
    ],
    'two & three',
  );
  const numbers = [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map((match) => match[1]);
  expect(numbers).toEqual(['0.0', '1.0', '2.0', '−3.0', '=', '10']);
  expect(count(svg, /stroke-dasharray/g)).toBe(4);
  expect(count(svg, /width="60" height="30" fill="none"/g)).toBe(1);
  expect(svg).toContain('fill="rgb(255,255,255)"'); // 2, the largest
  expect(svg).toContain('fill="rgb(0,0,0)"'); // −3, the smallest
  expect(svg).toContain('<title>two &amp; three</title>');
});

test('the network is drawn with the shape of each layer', () => {
  const dimensions = { inputSize: 227, channels: 1, classes: 10 };
  const { svg } = networkDrawing([227, 227, 1], layerTable(ALEXNET, dimensions), 'AlexNet');
  const shapes = [...svg.matchAll(/>([\d×]+)<\/text>/g)].map((match) => match[1]);
  expect(shapes).toEqual([
    ...['227×227×1', '56×56×64', '27×27×64', '27×27×192', '13×13×192', '13×13×384'],
    ...['13×13×256', '13×13×256', '6×6×256', '4096', '4096', '10'],
  ]);
});

test('bars: one per class and moment, the actual class in orange', () => {
  const probabilities = [0.5, 0.25, 0.25];
  const { svg } = barsDrawing(
    [
      { title: 'a', probabilities },
      { title: 'b', probabilities },
    ],
    1,
    '',
  );
  expect(count(svg, /<rect x="\d+" y="[\d.]+" width="16"/g)).toBe(6);
  expect(count(svg, /height="22.5" fill="#e8710a"/g)).toBe(2); // a quarter of 90
  expect(svg).toContain('a: 25%');
});

describe('in Chinese', () => {
  beforeEach(() => {
    process.env.FIGURE_LANGUAGE = 'zh';
  });
  afterEach(() => {
    delete process.env.FIGURE_LANGUAGE;
  });

  test('text is translated whole or by template, or stays', () => {
    expect(localised('Epoch')).toBe('训练周期（epoch）');
    expect(localised('step 100')).toBe('第 100 步');
    expect(localised('no such text')).toBe('no such text');
  });

  test("a figure's title, axes and legend", () => {
    const figure = {
      data: [{ name: 'Train', y: [1] }],
      layout: {
        title: { text: 'Training progress' },
        xaxis: { title: { text: 'Epoch' }, dtick: 1 },
      },
    };
    expect(localisedFigure(figure)).toEqual({
      data: [{ name: '训练集', y: [1] }],
      layout: {
        title: { text: '训练过程' },
        xaxis: { title: { text: '训练周期（epoch）' }, dtick: 1 },
      },
    });
    expect(figure.layout.title.text).toBe('Training progress');
  });
});
