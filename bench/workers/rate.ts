import {
  attribute,
  castHandle,
  DType,
  free,
  handleOf,
  type Precision,
  runOp,
  tf,
  waitForDevice,
} from '../../src/tf/index';

/**
 * The convolution rate of this machine in FLOP/s: the forward pass of AlexNet's conv2, half of the network's
 * arithmetic, on 128 images; the median of ten. A step takes at least its FLOPs divided by this rate.
 */
export function convolutionRate(precision: Precision): number {
  const [size, inputs, filters, kernel, images] = [27, 64, 192, 5, 128];
  const x = tf.randomUniform([images, size, size, inputs]);
  const filter = tf.randomUniform([kernel, kernel, inputs, filters]);
  const dtype = DType[precision];
  const handles = [x, filter].map((tensor) =>
    precision === 'float32' ? handleOf(tensor) : castHandle(handleOf(tensor), DType.float32, dtype),
  );
  const attributes = [
    attribute.type('T', dtype),
    attribute.int('strides', [1, 1, 1, 1]),
    attribute.string('padding', 'SAME'),
  ];
  const seconds = Array.from({ length: 12 }, () => {
    const started = performance.now();
    free(...runOp('Conv2D', attributes, handles));
    waitForDevice();
    return (performance.now() - started) / 1000;
  })
    .slice(2)
    .sort((a, b) => a - b);
  if (precision !== 'float32') free(...handles);
  tf.dispose([x, filter]);
  return (2 * images * size * size * filters * kernel * kernel * inputs) / seconds[5];
}
