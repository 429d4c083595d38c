import { spawnSync } from 'node:child_process';
import { InputError } from '../errors';
import { chosenGpus } from '../tf/index';

/** The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them. Throws InputError if there are none. */
export function visibleGpus(): string[] {
  const gpus =
    chosenGpus === undefined
      ? listGpus().map((_, i) => String(i))
      : chosenGpus.split(',').filter((name) => name.trim() !== '');
  if (gpus.length > 0) return gpus;
  throw new InputError('--workers gpus: this machine has no NVIDIA GPU (nvidia-smi lists none)');
}

function listGpus(): string[] {
  const { stdout } = spawnSync('nvidia-smi', ['--list-gpus'], { encoding: 'utf8' });
  return (stdout ?? '').split('\n').filter((line) => line.startsWith('GPU '));
}
