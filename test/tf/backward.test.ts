import { Recording, tf } from '../../src/tf/index';
import { expectNoLeak, maxDifference } from '../support/tensors';

const variable = (shape: number[], seed: number) =>
  tf.tidy(() => tf.variable(tf.randomNormal(shape, 0, 1, 'float32', seed)));

/** Name and gradient of each variable, in the order in which `Recording` returns them. */
function recorded(f: () => tf.Scalar, variables: tf.Variable[]): [string, Float32Array][] {
  const found: [string, Float32Array][] = [];
  const recording = Recording.of(f);
  recording.backward(variables, ({ name }, gradient) => {
    found.push([name, Float32Array.from(gradient.dataSync())]);
    gradient.dispose();
  });
  recording.value.dispose();
  return found;
}

test("the gradients equal tfjs's: a weight used twice, an unused result, a gradient passed through unchanged", async () => {
  await expectNoLeak(() => {
    const [a, b] = [variable([3, 3], 1), variable([3, 3], 2)];
    const f = () => {
      tf.exp(a); // not part of the result
      const h = tf.relu(tf.matMul(a, b)).add(a); // a twice
      const [left, right] = tf.split(h, [1, 2], 1) as [tf.Tensor, tf.Tensor];
      return left.sum().add(right.clone().square().mean()).add(h.transpose().sum()) as tf.Scalar;
    };
    const { value, grads } = tf.variableGrads(f, [a, b]);
    const found = new Map(recorded(f, [a, b]));
    for (const { name } of [a, b]) {
      expect(maxDifference(found.get(name)!, grads[name].dataSync())).toBeLessThan(1e-6);
    }
    tf.dispose([value, grads, a, b]);
  });
});

test('gradients come from the last layer to the first, each as soon as it is complete, and memory is freed', async () => {
  await expectNoLeak(() => {
    const layers = [1, 2, 3, 4].map((seed) => variable([8, 8], seed));
    const x = tf.ones([100, 8]);
    const recording = Recording.of(
      () => layers.reduce((h: tf.Tensor, w) => tf.relu(tf.matMul(h, w)), x).sum() as tf.Scalar,
    );
    const order: number[] = [];
    const held: number[] = [];
    recording.backward(layers, (w, gradient) => {
      order.push(layers.indexOf(w));
      gradient.dispose();
      held.push(tf.memory().numBytes);
    });
    expect(order).toEqual([3, 2, 1, 0]);
    for (let i = 1; i < held.length; i++) expect(held[i]).toBeLessThan(held[i - 1]);
    tf.dispose([recording.value, x, layers]);
  });
});

test('a variable may be changed as soon as its gradient has come', () => {
  const [a, b] = [variable([4, 4], 1), variable([4, 4], 2)];
  const f = () => tf.matMul(tf.matMul(tf.ones([2, 4]), a), b).sum() as tf.Scalar;
  const want = new Map(recorded(f, [a, b]));
  const recording = Recording.of(f);
  recording.backward([a, b], (each, gradient) => {
    expect(maxDifference(gradient.dataSync(), want.get(each.name)!)).toBe(0);
    each.assign(tf.zeros([4, 4]));
  });
});

test.each<[string, (w: tf.Variable, other: tf.Variable) => void, string]>([
  [
    'in the forward pass',
    (w) =>
      Recording.of(() => {
        tf.square(w);
        throw new Error('forward');
      }),
    'forward',
  ],
  [
    'in the function that receives the gradients',
    (w) => {
      const recording = Recording.of(() => w.square().exp().sum() as tf.Scalar);
      recording.value.dispose();
      recording.backward([w], (_, gradient) => {
        gradient.dispose();
        throw new Error('use');
      });
    },
    'use',
  ],
  [
    'of a variable that the loss does not depend on',
    (w, other) => {
      const recording = Recording.of(() => w.square().sum() as tf.Scalar);
      recording.value.dispose();
      recording.backward([w, other], (_, gradient) => gradient.dispose());
    },
    'the loss does not depend on ',
  ],
  [
    'of an op without a gradient',
    (w) => {
      const recording = Recording.of(() => tf.topk(w, 2).values.sum() as tf.Scalar);
      recording.value.dispose();
      recording.backward([w], (_, gradient) => gradient.dispose());
    },
    'gradient',
  ],
])('an error %s leaks nothing, and the next recording works', async (_, fail, message) => {
  await expectNoLeak(() => {
    const w = variable([3], 1);
    const other = variable([2], 2);
    expect(() => fail(w, other)).toThrow(message);
    expect(recorded(() => w.sum() as tf.Scalar, [w])[0][1]).toEqual(new Float32Array([1, 1, 1]));
    tf.dispose([w, other]);
  });
});

test('a recording without a backward pass frees what it saved', async () => {
  await expectNoLeak(() => {
    const w = variable([3], 1);
    const recording = Recording.of(() => w.square().exp().sum() as tf.Scalar);
    recording.dispose();
    tf.dispose([recording.value, w]);
  });
});
