/** What scripts/tfjs-node-gpu.patch adds to the binding. `test/workers/` tests the cluster. */
import { attribute, backend, DType, free, runOp, tf } from '../../src/tf/index';

const { binding } = backend();
const vector = (...values: number[]) =>
  binding.createTensor([1, values.length], DType.float32, Float32Array.from(values));
const valuesOf = (handle: number) => [...binding.tensorDataSync(handle)];
const STRINGS = 0;
const TYPES = 4;

test('attributes that are lists of strings and of types', () => {
  const [x, bias] = [vector(1, -2), vector(1, 1)];
  const weights = binding.createTensor([2, 2], DType.float32, Float32Array.of(1, 0, 0, 1));
  const [flat] = runOp(
    'Reshape',
    [attribute.type('T', DType.float32), attribute.type('Tshape', DType.int32)],
    [bias, binding.createTensor([1], DType.int32, Int32Array.of(2))],
  );
  const [y] = runOp(
    '_FusedMatMul',
    [
      attribute.type('T', DType.float32),
      attribute.int('num_args', 1),
      { name: 'fused_ops', type: STRINGS, value: ['BiasAdd', 'Relu'] },
    ],
    [x, weights, flat],
  );
  expect(valuesOf(y)).toEqual([2, 0]);
  const types = { name: 'T', type: TYPES, value: [DType.float32, DType.float32] };
  const both = runOp('IdentityN', [types], [x, y], 2);
  expect(both.map(valuesOf)).toEqual([
    [1, -2],
    [2, 0],
  ]);
  free(x, bias, weights, flat, y, ...both);
});

test('an op in the background returns at once; what uses its result waits, and sees its error', () => {
  const x = vector(1, 2);
  const wide = vector(1, 2, 3);
  const type = [attribute.type('T', DType.float32)];
  const [doubled] = binding.executeOp('AddV2', type, [x, x], 1, true);
  expect(doubled.shape).toBeUndefined();
  const [sum] = runOp('AddV2', type, [doubled.id, x]);
  expect(valuesOf(sum)).toEqual([3, 6]);
  const [wrong] = binding.executeOp('AddV2', type, [x, wide], 1, true);
  expect(() => runOp('AddV2', type, [wrong.id, x])).toThrow('Incompatible shapes');
  free(x, wide, doubled.id, sum, wrong.id);
});

test('configure needs a process without tensors', () => {
  const kept = tf.tensor1d([1]);
  kept.square().dispose(); // now TensorFlow has it
  expect(() => binding.configure(new Uint8Array())).toThrow(
    /^configure\(\) while there are \d+ tensors/,
  );
  kept.dispose();
});
