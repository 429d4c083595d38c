import { autocast, tf } from '../../src/tf/index';
import { countHandles } from '../support/handles';
import { expectNoLeak, maxDifference } from '../support/tensors';

const random = (shape: number[], seed: number) => tf.randomNormal(shape, 0, 1, 'float32', seed);
const image = () => random([2, 9, 9, 4], 1) as tf.Tensor4D;
const filter = () => random([3, 3, 4, 8], 2) as tf.Tensor4D;

/** The same convolution in plain loops. */
function convolve(x: tf.Tensor4D, f: tf.Tensor4D, bias?: tf.Tensor): number[] {
  const [images, height, width, channels] = x.shape;
  const [kernel, , , filters] = f.shape;
  const [xs, fs] = [x.dataSync(), f.dataSync()];
  const out: number[] = [];
  for (let n = 0; n < images; n++)
    for (let oy = 0; oy + kernel <= height; oy++)
      for (let ox = 0; ox + kernel <= width; ox++)
        for (let o = 0; o < filters; o++) {
          let sum = bias ? bias.dataSync()[o] : 0;
          for (let ky = 0; ky < kernel; ky++)
            for (let kx = 0; kx < kernel; kx++)
              for (let c = 0; c < channels; c++) {
                const pixel = xs[((n * height + oy + ky) * width + ox + kx) * channels + c];
                sum += pixel * fs[((ky * kernel + kx) * channels + c) * filters + o];
              }
          out.push(sum);
        }
  return out;
}

test('a convolution is right with and without a bias, also if it is read late or used twice', async () => {
  await expectNoLeak(() =>
    tf.tidy(() => {
      const [x, f, bias] = [image(), filter(), random([8], 3)];
      const plain = tf.conv2d(x, f, 1, 'valid');
      const biased = plain.add(bias);
      expect(biased.shape).toEqual([2, 7, 7, 8]);
      expect(maxDifference(biased.dataSync(), convolve(x, f, bias))).toBeLessThan(1e-4);
      expect(maxDifference(plain.dataSync(), convolve(x, f))).toBeLessThan(1e-4);
      expect(
        maxDifference(
          plain.mul(2).dataSync(),
          convolve(x, f).map((v) => 2 * v),
        ),
      ).toBeLessThan(1e-4);
    }),
  );
});

test('the inputs of a waiting convolution may be disposed or changed', () => {
  tf.tidy(() => {
    const [x, weights] = [image(), tf.variable(filter())];
    const want = convolve(x, weights as unknown as tf.Tensor4D);
    const late = tf.conv2d(x, weights as unknown as tf.Tensor4D, 1, 'valid');
    x.dispose();
    weights.assign(tf.zeros([3, 3, 4, 8]));
    expect(maxDifference(late.dataSync(), want)).toBeLessThan(1e-4);
    weights.dispose();
  });
});

test.each([
  [[2, 11, 13, 3], [3, 3, 3, 4], 2, 'same'],
  [[1, 12, 12, 1], [5, 5, 1, 2], 3, 'valid'],
  [[1, 4, 4, 2], [1, 1, 2, 2], 1, 'same'],
] as const)(
  'a waiting convolution has the right shape: %j * %j',
  (inShape, filterShape, stride, pad) => {
    tf.tidy(() => {
      const x = random([...inShape], 1) as tf.Tensor4D;
      const waiting = tf.conv2d(x, random([...filterShape], 2) as tf.Tensor4D, stride, pad);
      expect(waiting.dataSync().length).toBe(waiting.size);
    });
  },
);

test("ReLU and its gradient on bits equal TensorFlow's, also for zeros and infinities", () => {
  tf.tidy(() => {
    const values = tf.tensor2d([
      [-2, -0.5, 0, -0, 0.5, 3, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
    ]);
    const one = tf.eye(8);
    const gradientOf = () =>
      tf.grad((x: tf.Tensor) => tf.relu(x))(values, tf.range(1, 9).reshape([1, 8]));
    const high = [...tf.relu(values).dataSync(), ...gradientOf().dataSync()];
    const finite = tf.tensor2d([[-2, -0.5, 0, -0, 0.5, 3, 1e30, -1e30]]);
    const low = autocast('bfloat16', () => tf.relu(tf.matMul(finite, one)));
    expect([...low.dataSync()].slice(0, 6)).toEqual(high.slice(0, 6));
    expect(low.dataSync()[7]).toBe(0);
    expect(high.slice(8)).toEqual([0, 0, 0, 0, 5, 6, 7, 0]);
  });
});

test("a bias's gradient in bfloat16 is summed in float32", () => {
  tf.tidy(() => {
    // 4,096 ones: summed in bfloat16 they would stop at 256.
    const [, gradient] = autocast('bfloat16', () =>
      tf.grads((x, bias) => tf.matMul(x, tf.eye(2)).add(bias).relu())([
        tf.ones([4096, 2]),
        tf.ones([2]),
      ]),
    );
    expect([...gradient.dataSync()]).toEqual([4096, 4096]);
  });
});

test('a dilated convolution with a bias', () => {
  tf.tidy(() => {
    const [x, f, bias] = [image(), filter(), random([8], 3)];
    const spread = f // the same filter with zeros between its rows and columns
      .reshape([3, 1, 3, 1, 32])
      .pad([
        [0, 0],
        [0, 1],
        [0, 0],
        [0, 1],
        [0, 0],
      ])
      .reshape([6, 6, 4, 8])
      .slice([0, 0, 0, 0], [5, 5, 4, 8]);
    const want = convolve(x, spread as tf.Tensor4D, bias);
    const got = tf.conv2d(x, f, 1, 'valid', 'NHWC', 2).add(bias);
    expect(maxDifference(got.dataSync(), want)).toBeLessThan(1e-4);
  });
});

test.each([false, true])('a row times a matrix, transposed: %s', (transposed) => {
  tf.tidy(() => {
    const row = random([1, 1, 5], 1);
    const matrix = random(transposed ? [1, 3, 5] : [1, 5, 3], 2);
    const got = tf.matMul(row, matrix, false, transposed);
    const want = row.tile([1, 2, 1]).matMul(matrix, false, transposed).slice([0, 0, 0], [1, 1, 3]);
    expect(got.shape).toEqual([1, 1, 3]);
    expect(maxDifference(got.dataSync(), want.dataSync())).toBeLessThan(1e-5);
  });
});

test('every TensorFlow handle is freed, in each precision', () => {
  for (const precision of ['float32', 'bfloat16', 'float16'] as const) {
    const pass = () =>
      tf.tidy(() => {
        const loss = (x: tf.Tensor, f: tf.Tensor, bias: tf.Tensor, w: tf.Tensor) => {
          const convolved = tf
            .conv2d(x as tf.Tensor4D, f as tf.Tensor4D, 1, 'same')
            .add(bias)
            .relu();
          const pooled = tf.maxPool(convolved as tf.Tensor4D, 3, 2, 'valid');
          tf.conv2d(x as tf.Tensor4D, f as tf.Tensor4D, 1, 'valid'); // never used
          return tf.matMul(pooled.reshape([2, -1]), w).sum();
        };
        const inputs = [image(), filter(), random([8], 3), random([128, 3], 4)];
        for (const gradient of autocast(precision, () => tf.grads(loss)(inputs)))
          gradient.dataSync();
      });
    pass(); // the first pass also compares the precisions
    expect([precision, countHandles(pass)]).toEqual([precision, 0]);
  }
});
