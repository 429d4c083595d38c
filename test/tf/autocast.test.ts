import {
  autocast,
  backend,
  DType,
  fastestPrecision,
  type Precision,
  runTensorOp,
  tf,
} from '../../src/tf/index';
import { fastest, measuredPrecision } from '../../src/tf/precision';
import { expectNoLeak } from '../support/tensors';

/** ‖a − b‖ / ‖b‖. */
function relativeError(a: tf.Tensor, b: tf.Tensor): number {
  return tf.tidy(() => a.sub(b).norm().div(b.norm()).dataSync()[0]);
}

const LOW = ['bfloat16', 'float16'] as const;
const isGpu = backend().isUsingGpuDevice;

/** Whether a tensor's data is held in low precision. */
const isLow = (x: tf.Tensor) => backend().tensorMap.get(x.dataId).lowType !== undefined;

const random = (shape: number[], seed: number) => tf.randomNormal(shape, 0, 1, 'float32', seed);

type Convolution = [number[], number[], number, 'same' | 'valid'];

/** AlexNet's. In float16, which is meant for GPUs, a CPU takes half a minute. */
const large: Convolution[] = [
  [[4, 27, 27, 64], [5, 5, 64, 192], 1, 'same'],
  [[4, 13, 13, 192], [3, 3, 192, 384], 1, 'same'],
];
/** AlexNet's first one, and unusual ones: 1 and 3 channels, odd sizes, a batch of one. */
const small: Convolution[] = [
  [[2, 231, 231, 1], [11, 11, 1, 64], 4, 'valid'],
  [[1, 33, 33, 3], [11, 11, 3, 8], 4, 'valid'],
  [[1, 7, 9, 5], [3, 3, 5, 7], 2, 'same'],
  [[3, 15, 15, 2], [5, 5, 2, 3], 1, 'valid'],
];

describe.each(LOW)('%s', (low16) => {
  test.each(low16 === 'bfloat16' || isGpu ? [...large, ...small] : small)(
    'convolution %j * %j, stride %i, %s: forward and gradients',
    async (inShape, filterShape, stride, pad) => {
      await expectNoLeak(() =>
        tf.tidy(() => {
          const x = random(inShape, 1) as tf.Tensor4D;
          const filter = random(filterShape, 2) as tf.Tensor4D;
          const convolve = (a: tf.Tensor, b: tf.Tensor) =>
            tf.conv2d(a as tf.Tensor4D, b as tf.Tensor4D, stride, pad);
          const forward = (precision: Precision) => autocast(precision, () => convolve(x, filter));
          const high = forward('float32');
          expect(isLow(high)).toBe(false);
          const dy = random(high.shape, 3);
          const gradients = (precision: Precision) =>
            autocast(precision, () => tf.grads(convolve)([x, filter], dy));
          const low = forward(low16);
          expect(isLow(low)).toBe(true);
          expect(relativeError(low, high)).toBeLessThan(0.01);
          const [wantX, wantFilter] = gradients('float32');
          const [gotX, gotFilter] = gradients(low16);
          expect(relativeError(gotX, wantX)).toBeLessThan(0.01);
          expect(relativeError(gotFilter, wantFilter)).toBeLessThan(0.01);
          expect(relativeError(low, high)).toBeGreaterThan(1e-5); // it ran in low precision or was cast
        }),
      );
    },
  );

  test.each([
    [128, 9216, 40],
    [1, 64, 10],
    [3, 7, 5],
  ])('matrix product %i×%i×%i: forward and gradients', (m, k, n) => {
    tf.tidy(() => {
      const [a, b] = [random([m, k], 1), random([k, n], 2)];
      const run = (precision: Precision) =>
        autocast(precision, () => {
          const product = tf.matMul(a, b);
          return [product, ...tf.grads((x, y) => tf.matMul(x, y))([a, b], random([m, n], 3))];
        });
      const want = run('float32');
      run(low16).forEach((got, i) => {
        expect(isLow(got)).toBe(true);
        expect(relativeError(got, want[i])).toBeLessThan(0.01);
      });
    });
  });

  test('the ops after a convolution stay in low precision, the softmax does not', () => {
    tf.tidy(() => {
      const x = random([2, 8, 8, 4], 1) as tf.Tensor4D;
      const filter = random([3, 3, 4, 6], 2) as tf.Tensor4D;
      const bias = random([6], 3);
      const network = () => {
        const convolved = tf.conv2d(x, filter, 1, 'same').add(bias).relu() as tf.Tensor4D;
        const pooled = tf.maxPool(convolved, 3, 2, 'valid');
        return {
          pooled,
          flat: pooled.reshape([2, -1]),
          logSoftmax: tf.logSoftmax(pooled.reshape([2, -1])),
        };
      };
      const low = autocast(low16, network);
      const high = network();
      expect([isLow(low.pooled), isLow(low.flat), isLow(low.logSoftmax)]).toEqual([
        true,
        true,
        false,
      ]);
      expect(relativeError(low.flat, high.flat)).toBeLessThan(0.01);
      expect(relativeError(low.logSoftmax, high.logSoftmax)).toBeLessThan(0.01);
    });
  });
});

test('calls of autocast nest, and end after an error', () => {
  tf.tidy(() => {
    const product = () => isLow(tf.matMul(tf.ones([2, 2]), tf.ones([2, 2])));
    autocast('bfloat16', () => {
      expect(product()).toBe(true);
      autocast('float32', () => expect(product()).toBe(false));
      expect(product()).toBe(true);
    });
    expect(product()).toBe(false);
    expect(() =>
      autocast('bfloat16', () => {
        throw new Error('out');
      }),
    ).toThrow('out');
    expect(product()).toBe(false);
  });
});

test('an op that is wrong in low precision runs in float32', () => {
  const { binding } = backend();
  // Make the product wrong: in bfloat16, transpose its first input.
  const executeOp: typeof binding.executeOp = (name, attributes, inputs, outputs) => {
    const isLow = attributes.some((a) => a.name === 'T' && a.value === DType.bfloat16);
    const sabotaged = attributes.map((a) => (a.name === 'adj_x' ? { ...a, value: true } : a));
    const wrong = isLow && name.endsWith('BatchMatMulV2'); // oneDNN's has a prefix
    return binding.executeOp(name, wrong ? sabotaged : attributes, inputs, outputs);
  };
  Object.assign(backend(), {
    binding: Object.create(binding, { executeOp: { value: executeOp } }),
  });
  try {
    tf.tidy(() => {
      const [a, b] = [random([6, 6], 1), random([6, 6], 2)];
      const got = autocast('bfloat16', () => tf.matMul(a, b));
      expect(relativeError(got, tf.matMul(a, b))).toBeLessThan(0.01);
    });
    const [key, error] = [...backend().tuning.errors].at(-1)!;
    expect(key).toMatch(/^\["BatchMatMulV2",.*\[\[6,6\],\[6,6\]\]\]$/);
    expect(error).toBeGreaterThan(0.5);
  } finally {
    Object.assign(backend(), { binding });
  }
});

test('a value computed in float32 stays float32, except in matrix products', () => {
  tf.tidy(() => {
    const weights = tf.tensor2d([[1.0009765625]]); // not a bfloat16
    autocast('bfloat16', () => {
      tf.matMul(weights, weights); // leaves a low copy behind
      expect(weights.mul(weights).dataSync()[0]).toBeCloseTo(1.0009765625 ** 2, 6);
      expect(weights.add(tf.matMul(tf.zeros([1, 1]), weights)).dataSync()[0]).toBe(1.0009765625);
    });
  });
});

test('a product in low precision sees the new value of a variable', () => {
  tf.tidy(() => {
    const weights = tf.variable(tf.tensor2d([[2]]));
    const product = () =>
      autocast('bfloat16', () => tf.matMul(tf.ones([1, 1]), weights)).dataSync()[0];
    expect(product()).toBe(2);
    weights.assign(tf.tensor2d([[3]]));
    expect(product()).toBe(3);
    weights.dispose();
  });
});

test('auto on a CPU is float32 or bfloat16', () => {
  for (const precision of [fastestPrecision(), measuredPrecision()]) {
    expect(['float32', 'bfloat16']).toContain(precision);
  }
});

test.each([
  ['T4', { float32: 10, bfloat16: 12, float16: 3 }, 'float16'],
  ['A100', { float32: 10, bfloat16: 5, float16: 4.9 }, 'bfloat16'],
  ['P100', { float32: 10, bfloat16: 30, float16: 9 }, 'float32'],
  ['no bfloat16', { float32: 10, float16: 3 }, 'float16'],
])('auto on a GPU like the %s', (_, times: Partial<Record<Precision, number>>, want) => {
  const milliseconds = (precision: Precision) => {
    const time = times[precision];
    if (time === undefined) throw new Error('no kernel');
    return time;
  };
  expect(fastest(milliseconds, ['bfloat16', 'float16'])).toBe(want);
});

test('low-precision tensors can be read, cloned and disposed', async () => {
  await expectNoLeak(() =>
    tf.tidy(() => {
      const product = autocast('bfloat16', () =>
        tf.matMul(tf.tensor2d([[1, 2]]), tf.tensor2d([[3], [4]])),
      );
      const copy = product.clone();
      product.dispose();
      expect(copy.dataSync()[0]).toBe(11);
      expect(
        runTensorOp('Relu', [{ name: 'T', type: 4, value: DType.float32 }], [copy]).dataSync()[0],
      ).toBe(11);
    }),
  );
});
