import { ALEXNET, layerTable, totals } from '../../src/model/index';

const dimensions = { inputSize: 227, channels: 1, classes: 10 };

test('shapes, parameters and MACs of AlexNet', () => {
  const rows = layerTable(ALEXNET, dimensions);
  const shapes = Object.fromEntries(rows.map((row) => [row.name, row.outputShape.join('×')]));
  expect(shapes).toMatchObject({
    conv1: '56×56×64',
    pool1: '27×27×64',
    conv2: '27×27×192',
    pool2: '13×13×192',
    conv5: '13×13×256',
    pool5: '6×6×256',
    flatten: '9216',
    fc8: '10',
  });
  expect(totals(rows)).toEqual({ parameters: 57_029_322, macs: 664_141_824 });
});

test('a layer by hand: 2 filters of 3×3 over 5×5×3, stride 2, padding 1', () => {
  const [row] = layerTable(
    [{ kind: 'conv', name: 'c', filters: 2, kernel: 3, stride: 2, padding: 1 }],
    { inputSize: 5, channels: 3, classes: 10 },
  );
  expect(row.outputShape).toEqual([3, 3, 2]); // ⌊(5 + 2 − 3) / 2⌋ + 1
  expect(row.parameters).toBe(3 * 3 * 3 * 2 + 2);
  expect(row.macs).toBe(3 * 3 * 3 * 2 * 9);
});

test('an input that is too small is refused, naming the layer', () => {
  expect(layerTable(ALEXNET, { ...dimensions, inputSize: 63 }).length).toBe(14);
  expect(() => layerTable(ALEXNET, { ...dimensions, inputSize: 62 })).toThrow(
    'input size 62 is too small: pool5 (max 3×3, stride 2) gets 2×2×256 and would output nothing',
  );
});

test('layers in an impossible order are refused', () => {
  expect(() =>
    layerTable([{ kind: 'dense', name: 'fc', units: 3, relu: false }], dimensions),
  ).toThrow('fc needs a flat input');
});
