/** What scripts/native/tfjs-node-gpu.patch adds to the binding. `test/workers/` tests the cluster. */
import { hashOf } from '../../src/files';
import { attribute, backend, castHandle, DType, free, runOp, tf } from '../../src/tf/index';

const { binding } = backend();
const vector = (...values: number[]) =>
  binding.createTensor([1, values.length], DType.float32, Float32Array.from(values));
const valuesOf = (handle: number) => Float32Array.from(binding.tensorDataSync(handle));
const hash = (handle: number) => hashOf('sha256', new Uint8Array(valuesOf(handle).buffer));

test('an op in the background returns at once; what uses its result waits, and sees its error', () => {
  const x = vector(1, 2);
  const wide = vector(1, 2, 3);
  const type = [attribute.type('T', DType.float32)];
  const [doubled] = binding.executeOp('AddV2', type, [x, x], 1, true);
  expect(doubled.shape).toBeUndefined();
  const [sum] = runOp('AddV2', type, [doubled.id, x]);
  expect([...valuesOf(sum)]).toEqual([3, 6]);
  const [wrong] = binding.executeOp('AddV2', type, [x, wide], 1, true);
  expect(() => runOp('AddV2', type, [wrong.id, x])).toThrow('Incompatible shapes');
  free(x, wide, doubled.id, sum, wrong.id);
});

test('a step of AdamW takes a bfloat16 gradient as it is, and rounds the weights into their copy', () => {
  const values = (f: (i: number) => number) => {
    const array = Float32Array.from({ length: 300_001 }, (_, i) => f(i)); // more than a thread's share
    return binding.createTensor([array.length], DType.float32, array);
  };
  const gradient = values((i) => Math.sin(i));
  const low = castHandle(gradient, DType.float32, DType.bfloat16);
  const rounded = castHandle(low, DType.bfloat16, DType.float32);
  const numbers = [0.99, 0.01, 0.9, 0.999, 1e-8];
  const step = (g: number, threads: number) => {
    const [w, m, v] = [values((i) => Math.cos(i)), values(() => 0), values(() => 0)];
    const copy = castHandle(w, DType.float32, DType.bfloat16);
    binding.adamWStep([w, m, v, g, copy], numbers, threads);
    const cast = castHandle(w, DType.float32, DType.bfloat16);
    const bits = [copy, cast].map((handle) => castHandle(handle, DType.bfloat16, DType.float32));
    expect(hash(bits[0])).toBe(hash(bits[1]));
    const hashes = [w, m, v].map(hash);
    const second = [w, m, v].map((handle) => valuesOf(handle)[1]);
    free(w, m, v, copy, cast, ...bits);
    return { hashes, second };
  };
  const { hashes, second } = step(low, 2);
  expect(step(rounded, 1).hashes).toEqual(hashes);
  // From 0: m = 0.1 g, v = 0.001 g². At i = 1 the gradient sin(1), as bfloat16, is 0.83984375.
  expect(second[0]).toBeCloseTo(0.99 * Math.cos(1) - 0.01 * (0.1 / Math.sqrt(0.001)), 6);
  expect(second[1]).toBeCloseTo(0.083984375, 6);
  expect(second[2]).toBeCloseTo(0.001 * 0.83984375 ** 2, 7);
  free(gradient, low, rounded);
});

test('a step of AdamW changes neither the array nor the tensors that share memory with the weights', () => {
  const array = Float32Array.of(1, 2);
  const given = binding.createTensor([1, 2], DType.float32, array);
  const [m, v, g] = [vector(0, 0), vector(0, 0), vector(1, -1)];
  const float = [attribute.type('T', DType.float32)];
  const step = (weights: number) => binding.adamWStep([weights, m, v, g], [1, 0.1, 0, 0, 0], 1);
  step(given);
  expect(array).toEqual(Float32Array.of(1, 2));
  const [shared] = runOp('Identity', float, [given]);
  const before = valuesOf(given);
  step(given);
  expect(valuesOf(shared)).toEqual(before);
  // With β₁ = β₂ = 0 each step moves a weight by the rate.
  expect([...valuesOf(given)]).toEqual([expect.closeTo(0.8), expect.closeTo(2.2)]);
  expect(() => binding.adamWStep([given, m, v, g, g], [1, 0.1, 0, 0, 0], 1)).toThrow('do not fit');
  free(given, shared, m, v, g);
});

test('configure needs a process without tensors', () => {
  const kept = tf.tensor1d([1]);
  kept.square().dispose(); // now TensorFlow has it
  expect(() => binding.configure(new Uint8Array())).toThrow(
    /^configure\(\) while there are \d+ tensors/,
  );
  kept.dispose();
});
