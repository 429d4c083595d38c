/** Grad-CAM, occlusion and the projections, on a network small enough to compute by hand. */
import { features, gradCam, occlusion, projectPca, projectUmap } from '../../src/explain/index';
import { alexnet, type LayerSpec } from '../../src/model/index';
import { tf } from '../../src/tf/index';
import { barSet } from '../support/sets';
import { expectNoLeak } from '../support/tensors';

/** Two 1×1 filters on images of 2×2, and a dense layer: logit c = Σ of channel c's weights × activations. */
const layers: LayerSpec[] = [
  { kind: 'conv', name: 'conv1', filters: 2, kernel: 1, stride: 1, padding: 0 },
  { kind: 'flatten', name: 'flatten' },
  { kind: 'dense', name: 'out', units: 0, relu: false },
];
const model = alexnet({ inputSize: 2, classes: 2, layers });
model.getLayer('conv1').setWeights([tf.tensor4d([2, -1], [1, 1, 1, 2]), tf.tensor1d([0, 1])]);
// Inputs of the dense layer: place 0 channel 0, place 0 channel 1, place 1 channel 0, …
const dense = [
  [1, 0],
  [0, 1],
  [3, 0],
  [0, 1],
  [0, 0],
  [0, 1],
  [0, 0],
  [0, 1],
];
model.getLayer('out').setWeights([tf.tensor2d(dense), tf.tensor1d([0, 0])]);
const image = { height: 2, width: 2, pixels: Uint8Array.of(0, 255, 255, 255) }; // -1, 1, 1, 1

test('Grad-CAM: feature maps weighted by the mean gradient of the logit, without what is negative', async () => {
  // Channel 0 answers 0, 2, 2, 2 and channel 1 answers 2, 0, 0, 0. The logits are 3·2 = 6 and 2.
  const map = await expectNoLeak(() => gradCam(model, image));
  // Of logit 0: the mean gradients are (1 + 3) / 4 = 1 and 0.
  expect(map).toEqual({ label: 0, height: 2, width: 2, values: Float32Array.of(0, 2, 2, 2) });
  // Of logit 1: 0 and 1.
  expect(gradCam(model, image, { label: 1 }).values).toEqual(Float32Array.of(2, 0, 0, 0));
  expect(() => gradCam(model, image, { layer: 'conv9' })).toThrow("no convolution 'conv9'");
});

test('occlusion: how much the probability falls when a place is covered', async () => {
  const map = await expectNoLeak(() => occlusion(model, image, { size: 1, stride: 1 }));
  expect([map.label, map.height, map.width]).toEqual([0, 2, 2]);
  const probability = (a: number, b: number) => 1 / (1 + Math.exp(b - a));
  const whole = probability(6, 2);
  // Covering place 1 leaves logits 0 and 4; covering place 2 or 3 leaves 6 and 4; place 0 is dark already.
  const falls = [
    0,
    whole - probability(0, 4),
    whole - probability(6, 4),
    whole - probability(6, 4),
  ];
  falls.forEach((fall, i) => {
    expect(map.values[i]).toBeCloseTo(fall, 6);
  });
});

test('features are the output of the last layer but one', async () => {
  const deep = alexnet({
    inputSize: 28,
    layers: [
      { kind: 'flatten', name: 'flatten' },
      { kind: 'dense', name: 'hidden', units: 5, relu: true },
      { kind: 'dense', name: 'out', units: 0, relu: false },
    ],
  });
  await expectNoLeak(() => {
    const rows = features(deep, barSet(130));
    expect(rows.shape).toEqual([130, 5]);
    expect(Math.min(...rows.dataSync())).toBe(0); // a ReLU
    rows.dispose();
  });
});

test('PCA finds the direction of the largest variance', async () => {
  // Points on a line through (1, 1, 1) in the direction (3, 0, 4) / 5, and a little noise across it.
  const distances = [-2, -1, 0, 1, 2];
  const noise = [0.1, -0.1, 0, -0.1, 0.1];
  const rows = tf.tensor2d(distances.map((d, i) => [1 + 0.6 * d, 1 + noise[i], 1 + 0.8 * d]));
  const { points, share } = await expectNoLeak(() => projectPca(rows));
  const sign = Math.sign(points[4][0]);
  points.forEach(([x, y], i) => {
    expect(sign * x).toBeCloseTo(distances[i], 4);
    expect(Math.abs(y)).toBeCloseTo(Math.abs(noise[i]), 4);
  });
  expect(share).toBeCloseTo(1, 5);
});

test('UMAP keeps two groups apart, and the same seed gives the same points', async () => {
  const rows = tf.tensor2d(
    Array.from({ length: 40 }, (_, i) => [i < 20 ? 0 : 100, Math.sin(i), Math.cos(3 * i)]),
  );
  const points = await expectNoLeak(() => projectUmap(rows, { neighbours: 5 }));
  const distance = (a: number, b: number) =>
    Math.hypot(points[a][0] - points[b][0], points[a][1] - points[b][1]);
  for (let i = 0; i < 40; i++) {
    const others = [...points.keys()].filter((j) => j !== i);
    const nearest = others.sort((a, b) => distance(i, a) - distance(i, b))[0];
    expect(nearest < 20).toBe(i < 20);
  }
  expect(projectUmap(rows, { neighbours: 5 })).toEqual(points);
});
