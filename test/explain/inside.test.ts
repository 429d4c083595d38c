import { featureMaps, filterImages } from '../../src/explain/index';
import { alexnet, type LayerSpec } from '../../src/model/index';
import { tf } from '../../src/tf/index';
import { expectNoLeak } from '../support/tensors';

/** Two 1×1 filters and a dense layer, for images of 2×2. */
const layers: LayerSpec[] = [
  { kind: 'conv', name: 'conv1', filters: 2, kernel: 1, stride: 1, padding: 0 },
  { kind: 'flatten', name: 'flatten' },
  { kind: 'dense', name: 'out', units: 0, relu: false },
];
const model = alexnet({ inputSize: 2, layers });
model.getLayer('conv1').setWeights([tf.tensor4d([2, -1], [1, 1, 1, 2]), tf.tensor1d([0, 1])]);

test('in the picture of a filter, 0 is grey and the largest weight is black or white', async () => {
  const filters = await expectNoLeak(() => filterImages(model));
  expect(filters).toEqual([
    { height: 1, width: 1, pixels: Uint8Array.of(255) },
    { height: 1, width: 1, pixels: Uint8Array.of(64) },
  ]);
});

test('feature maps are taken after the ReLU, strongest channel first', async () => {
  const image = { height: 2, width: 2, pixels: Uint8Array.of(0, 255, 255, 255) }; // -1, 1, 1, 1
  const maps = await expectNoLeak(() => featureMaps(model, image, 2));
  // Channel 0 answers 2x: 0, 2, 2, 2. Channel 1 answers 1 - x: 2, 0, 0, 0.
  expect(maps).toEqual([
    {
      layer: 'conv1',
      channels: 2,
      maps: [
        { height: 2, width: 2, pixels: Uint8Array.of(0, 255, 255, 255) },
        { height: 2, width: 2, pixels: Uint8Array.of(255, 0, 0, 0) },
      ],
    },
  ]);
});

test('errors name a missing layer, and a layer with too many channels', () => {
  expect(() => filterImages(model, 'conv9')).toThrow("no convolution 'conv9'");
  const deep = alexnet({ inputSize: 63 });
  expect(() => filterImages(deep, 'conv2')).toThrow('the filters of conv2 have 64 channels');
  deep.dispose();
});
