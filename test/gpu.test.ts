/**
 * The GPU compared with the CPU. Here and on machines without a GPU, the ops that a GPU takes run on the CPU.
 * With a GPU, `npm test` runs everything else on it too, parity with PyTorch included.
 */
import { backend } from '../src/tf/index';
import { command, typescript } from './support/command';
import type { DeviceNumbers } from './support/device-worker';

const { isUsingGpuDevice } = backend();
if (!isUsingGpuDevice) console.warn('No GPU: its ops are tested on the CPU, the card is not');
const gpuTest = isUsingGpuDevice ? test : test.skip;

async function numbersWith(env: NodeJS.ProcessEnv): Promise<DeviceNumbers> {
  const { stdout, stderr } = await command([...typescript, 'test/support/device-worker.ts'], env);
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
}, 300_000);

gpuTest(
  'the GPU computes and learns the same, and its memory does not grow',
  async () => {
    const numbers = await numbersWith({});
    expectSame(numbers, await cpuNumbers);
    const [before, after5, after30] = numbers.freeBytes;
    expect(after5 - after30).toBeLessThan(64 * 2 ** 20);
    expect(after30).toBeGreaterThan(before / 2); // TensorFlow takes what it needs, not all
  },
  300_000,
);

/** The value of an expression on `m`, the module scripts/setup/cuda.mjs. */
async function inCuda(expression: string): Promise<unknown> {
  const script = `import('./scripts/setup/cuda.mjs').then(async (m) => console.log(JSON.stringify(${expression})))`;
  const { stdout, stderr } = await command(['--eval', script]);
  if (!stdout) throw new Error(stderr);
  return JSON.parse(stdout);
}

test('a library that cannot be opened is named', async () => {
  const names = ['libm.so.6', 'libnothing.so.1', 'libc.so.6'];
  expect(await inCuda(`m.missingLibraries(${JSON.stringify(names)})`)).toEqual(['libnothing.so.1']);
});

// Lines of TensorFlow 2.21's log, the second with a driver that we made for this.
test.each([
  [
    "dso_loader.cc:144] Could not load dynamic library 'libcuda.so.1'; dlerror: libcuda.so.1: cannot open shared object " +
      'file\ncuda_platform.cc:52] failed call to cuInit: INTERNAL: CUDA error: Failed call to cuInit: UNKNOWN ERROR (303)',
    'there is no NVIDIA driver (no libcuda.so.1)',
  ],
  [
    "dso_loader.cc:144] Could not load dynamic library 'libcusolver.so.11'; dlerror: libcusolver.so.11: cannot open " +
      'shared object file\ngpu_device.cc:2365] Cannot dlopen some GPU libraries.',
    'libraries are missing: libcusolver.so.11',
  ],
  ['', 'TensorFlow sees no GPU'],
])('why there is no GPU, from the log', async (log, want) => {
  const found = JSON.stringify({ device: 'CPU', failures: [], log });
  expect(await inCuda(`m.gpuProblem(${found})`)).toBe(want);
});

test('the probe computes on this device; a computation that fails is the problem', async () => {
  const problem = "m.gpuProblem({ ...found, device: 'GPU' }) ?? null";
  const broken = "m.gpuProblem({ ...found, device: 'GPU', failures: ['an Adam update fails: x'] })";
  const found = `await m.probe().then((found) => [found.failures, ${problem}, ${broken}])`;
  expect(await inCuda(found)).toEqual([[], null, 'an Adam update fails: x']);
});
