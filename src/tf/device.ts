/** The device that TensorFlow computes on. */
import { spawnSync } from 'node:child_process';
import { tf } from './load';
import { backend } from './native';
import type { Device } from './tuning';

/**
 * Asks nvidia-smi about the GPU once per process, and early: TensorFlow keeps the memory it has taken and uses it
 * again, so what is free later is less than what it can use.
 */
export function device(): Device {
  const { isUsingGpuDevice, tuning } = backend();
  tuning.device ??= isUsingGpuDevice ? readGpu() : { kind: 'CPU', name: 'CPU' };
  return tuning.device;
}

function readGpu(): Device {
  const { stdout } = spawnSync(
    'nvidia-smi',
    [
      '--query-gpu=name,memory.free',
      '--format=csv,noheader,nounits',
      `--id=${process.env.CUDA_VISIBLE_DEVICES}`, // set in binding.ts
    ],
    { encoding: 'utf8', timeout: 60_000 },
  );
  const [, name, mebibytes] = stdout?.match(/^(.+), (\d+)$/m) ?? [];
  if (!name) return { kind: 'GPU', name: 'GPU' };
  return { kind: 'GPU', name: `GPU (${name})`, freeBytes: Number(mebibytes) * 2 ** 20 };
}

/** Waits until the GPU has finished all ops. (On a CPU each op has finished when it returns.) */
export function waitForDevice(): void {
  if (backend().isUsingGpuDevice) tf.tidy(() => tf.tensor1d([1]).add(1).dataSync());
}
