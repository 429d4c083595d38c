import { backend } from '../../src/tf/index';

/** Runs `body` and returns how many of TensorFlow's handles it created and did not free. tfjs does not count them. */
export function countHandles(body: () => void): number {
  const { binding } = backend();
  let held = 0;
  const counting = Object.create(binding, {
    executeOp: {
      value: (...args: Parameters<typeof binding.executeOp>) => {
        const results = binding.executeOp(...args);
        held += results.length;
        return results;
      },
    },
    createTensor: {
      value: (...args: Parameters<typeof binding.createTensor>) => {
        held++;
        return binding.createTensor(...args);
      },
    },
    deleteTensor: {
      value: (handle: number) => {
        held--;
        binding.deleteTensor(handle);
      },
    },
  });
  Object.assign(backend(), { binding: counting });
  try {
    body();
  } finally {
    Object.assign(backend(), { binding });
  }
  return held;
}
