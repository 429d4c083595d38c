import { alexnet, type LayerSpec } from '../../src/model/index';
import { tf } from '../../src/tf/index';

const layers: LayerSpec[] = [
  { kind: 'conv', name: 'conv', filters: 64, kernel: 5, stride: 1, padding: 0 },
  { kind: 'flatten', name: 'flatten' },
  { kind: 'dense', name: 'dense', units: 200, relu: false },
];

function statistics(name: string, initialisation: 'pytorch' | 'he' | 'glorot', seed = 1) {
  const model = alexnet({ inputSize: 12, channels: 16, layers, initialisation, seed });
  const [kernel, bias] = model.getLayer(name).getWeights();
  const values = kernel.dataSync() as Float32Array;
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length;
  const result = {
    mean,
    deviation: Math.sqrt(variance),
    min: Math.min(...values.subarray(0, 100_000)),
    max: Math.max(...values.subarray(0, 100_000)),
    first: values[0],
    biasMax: Math.max(...bias.dataSync().map(Math.abs)),
  };
  model.dispose();
  return result;
}

test.each([
  ['conv', 16 * 25],
  ['dense', 8 * 8 * 64],
])('pytorch: %s is uniform in ±1/√%i, its bias too', (name, fanIn) => {
  const bound = 1 / Math.sqrt(fanIn);
  const { mean, deviation, min, max, biasMax } = statistics(name, 'pytorch');
  expect(Math.abs(mean)).toBeLessThan(bound / 50);
  expect(deviation / (bound / Math.sqrt(3))).toBeCloseTo(1, 1);
  expect(min).toBeGreaterThanOrEqual(-bound);
  expect(max).toBeLessThanOrEqual(bound);
  expect(max).toBeGreaterThan(0.98 * bound);
  expect(biasMax).toBeLessThanOrEqual(bound);
  expect(biasMax).toBeGreaterThan(bound / 2);
});

test('he: deviation √(2 / fan_in), bias 0', () => {
  const { deviation, biasMax } = statistics('conv', 'he');
  expect(deviation / Math.sqrt(2 / 400)).toBeCloseTo(1, 1);
  expect(biasMax).toBe(0);
});

test('glorot: uniform in ±√(6 / (fan_in + fan_out)), bias 0', () => {
  const { max, biasMax } = statistics('dense', 'glorot');
  const bound = Math.sqrt(6 / (4096 + 200));
  expect(max).toBeLessThanOrEqual(bound);
  expect(max).toBeGreaterThan(0.98 * bound);
  expect(biasMax).toBe(0);
});

test('the seed determines the weights', () => {
  expect(statistics('conv', 'pytorch', 1).first).toBe(statistics('conv', 'pytorch', 1).first);
  expect(statistics('conv', 'pytorch', 1).first).not.toBe(statistics('conv', 'pytorch', 2).first);
  expect(tf.memory().numTensors).toBe(0);
});
