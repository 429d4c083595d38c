/**
 * The GPU compared with the CPU. Here and on machines without a GPU, the ops that a GPU takes run on the CPU.
 * With a GPU, `npm test` runs everything else on it too, parity with PyTorch included.
 */
import { backend } from '../src/tf/index';
import { command } from './support/command';
import type { DeviceNumbers } from './support/device-worker';

const { isUsingGpuDevice } = backend();
if (!isUsingGpuDevice) console.warn('No GPU: its ops are tested on the CPU, the card is not');
const gpuTest = isUsingGpuDevice ? test : test.skip;

async function numbersWith(env: NodeJS.ProcessEnv): Promise<DeviceNumbers> {
  const loader = './node_modules/tsx/dist/loader.mjs';
  const { stdout, stderr } = await command(['--import', loader, 'test/support/device-worker.ts'], {
    NVIDIA_TF32_OVERRIDE: '0',
    ...env,
  });
  if (!stdout) throw new Error(stderr);
  return JSON.parse(stdout);
}

/** ‖a − b‖ / ‖b‖ */
function relativeError(a: number[], b: number[]): number {
  expect(a.length).toBe(b.length);
  return Math.hypot(...a.map((value, i) => value - b[i])) / Math.hypot(...b);
}

function expectSame({ isGpu, values, accuracies }: DeviceNumbers, cpu: DeviceNumbers): void {
  expect([isGpu, cpu.isGpu]).toEqual([true, false]);
  const reference = cpu.values.float32;
  expect(Object.keys(reference)).toHaveLength(1 + 9);
  for (const [precision, limit, limitOfGradients] of [
    ['float32', 1e-4, 1e-3],
    ['float16', 2e-3, 0.15], // rounding may switch a ReLU near 0, which changes the gradients by a few percent
    ['bfloat16', 0.02, 0.15],
  ] as const) {
    const errors = Object.entries(reference).map(([name, numbers]) => ({
      what: `${precision}, ${name}`,
      error: relativeError(values[precision][name], numbers),
    }));
    expect(
      errors.filter(
        ({ what, error }) => !(error < (what.endsWith('logits') ? limit : limitOfGradients)),
      ),
    ).toEqual([]);
    expect(accuracies[precision]).toBeGreaterThan(cpu.accuracies[precision] - 0.05);
    expect(cpu.accuracies[precision]).toBeGreaterThan(0.9);
  }
}

const cpuNumbers = numbersWith({ CUDA_VISIBLE_DEVICES: '-1' });

test("a GPU's ops, run on the CPU, compute and learn the same in each precision", async () => {
  expectSame(await numbersWith({ CUDA_VISIBLE_DEVICES: '-1', AS_GPU: '1' }), await cpuNumbers);
});

gpuTest('the GPU computes and learns the same, and its memory does not grow', async () => {
  const numbers = await numbersWith({});
  expectSame(numbers, await cpuNumbers);
  const [before, after5, after30] = numbers.freeBytes;
  expect(after5 - after30).toBeLessThan(64 * 2 ** 20);
  expect(after30).toBeGreaterThan(before / 2); // TensorFlow takes what it needs, not all
});
