import { tf } from '../../src/tf/index';
import { expectNoLeak, maxDifference } from '../support/tensors';

test('ReLU passes the gradient on where its output is positive', () => {
  tf.tidy(() => {
    const gradient = tf.grad((x) => tf.relu(x))(
      tf.tensor1d([-1, 0, 2, 3]),
      tf.tensor1d([5, 6, 7, 8]),
    );
    expect([...gradient.dataSync()]).toEqual([0, 0, 7, 8]);
  });
});

test('gradients can be differentiated', () => {
  tf.tidy(() => {
    // f = Σ relu(w x + 1)², so f' = 2 w relu(w x + 1), and the sum of its squares has a gradient in w.
    const penalty = (w: tf.Tensor) => {
      const f = (x: tf.Tensor) =>
        tf
          .relu(x.mul(w).add(tf.tensor1d([1])))
          .square()
          .sum();
      return tf
        .grad(f)(tf.tensor2d([[2], [-5]]))
        .square()
        .sum();
    };
    // At w = 3: only x = 2 is active, penalty = (2 w (2 w + 1))², its derivative 2·(2w(2w+1))·(8w+2).
    expect(tf.grad(penalty)(tf.scalar(3)).dataSync()[0]).toBeCloseTo(2 * 42 * 26, 2);
  });
});

test("a bias's gradient is the sum over all positions", () => {
  tf.tidy(() => {
    const [dx, dbias] = tf.grads((x, bias) => x.add(bias))(
      [tf.zeros([2, 1, 2, 3]), tf.zeros([3])],
      tf.range(0, 12).reshape([2, 1, 2, 3]),
    );
    expect([...dx.dataSync()]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    expect([...dbias.dataSync()]).toEqual([18, 22, 26]);
  });
});

test('other additions keep their gradients', () => {
  tf.tidy(() => {
    const [a, b] = tf.grads((x, y) => x.add(y))(
      [tf.zeros([2, 3]), tf.zeros([2, 1])],
      tf.ones([2, 3]),
    );
    expect([a.shape, [...b.dataSync()]]).toEqual([
      [2, 3],
      [3, 3],
    ]);
    const [c, d] = tf.grads((x, y) => x.add(y))(
      [tf.zeros([3]), tf.zeros([3])],
      tf.tensor1d([1, 2, 3]),
    );
    expect([[...c.dataSync()], [...d.dataSync()]]).toEqual([
      [1, 2, 3],
      [1, 2, 3],
    ]);
  });
});

test.each<[number[], number, number, 'valid' | 'same']>([
  [[2, 7, 7, 3], 3, 2, 'valid'],
  [[1, 6, 5, 8], 2, 2, 'same'],
  [[2, 56, 56, 16], 3, 2, 'valid'],
])(
  'the gradient of max-pooling %j, kernel %i, stride %i, %s',
  async (shape, kernel, stride, pad) => {
    await expectNoLeak(() =>
      tf.tidy(() => {
        const x = tf.randomNormal(
          shape as [number, number, number, number],
          0,
          1,
          'float32',
          1,
        ) as unknown as tf.Tensor4D;
        const pool = (input: tf.Tensor) => tf.maxPool(input as tf.Tensor4D, kernel, stride, pad);
        const y = pool(x);
        const dy = tf.randomNormal(y.shape, 0, 1, 'float32', 2);
        // In plain loops: each gradient goes to the largest element of its window.
        const want = new Float32Array(x.size);
        const values = x.dataSync();
        const [, height, width, channels] = x.shape;
        const outputs = y.shape as number[];
        const offset = (out: number, size: number) =>
          pad === 'same' ? Math.floor(Math.max(0, (out - 1) * stride + kernel - size) / 2) : 0;
        const [top, left] = [offset(outputs[1], height), offset(outputs[2], width)];
        const gradients = dy.dataSync();
        let at = 0;
        for (let n = 0; n < outputs[0]; n++)
          for (let oy = 0; oy < outputs[1]; oy++)
            for (let ox = 0; ox < outputs[2]; ox++)
              for (let c = 0; c < channels; c++) {
                let best = -1;
                for (let ky = 0; ky < kernel; ky++)
                  for (let kx = 0; kx < kernel; kx++) {
                    const [iy, ix] = [oy * stride - top + ky, ox * stride - left + kx];
                    if (iy < 0 || ix < 0 || iy >= height || ix >= width) continue;
                    const index = ((n * height + iy) * width + ix) * channels + c;
                    if (best < 0 || values[index] > values[best]) best = index;
                  }
                want[best] += gradients[at++];
              }
        const got = tf.grad(pool)(x, dy);
        expect(maxDifference(got.dataSync(), want)).toBeLessThan(1e-5);
      }),
    );
  },
);
