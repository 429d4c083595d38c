// TensorFlow's CUDA build: its libraries, and whether it computes on the GPU.
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import {
  cudaFolders,
  pythonEnvironment,
  root,
  runtimeEnvironment,
  typescript,
} from './environment.mjs';

/** What TensorFlow 2.21 opens when it finds a driver, and what these libraries open. */
const LIBRARIES = [
  ...['libcudart.so.12', 'libcublas.so.12', 'libcublasLt.so.12', 'libcufft.so.11'],
  ...['libcusolver.so.11', 'libcusparse.so.12', 'libcudnn.so.9', 'libnccl.so.2'],
  ...['libcupti.so.12', 'libnvJitLink.so.12'],
];

/** Kernels that TensorFlow must compile for a new card take minutes; they are stored in ~/.nv. */
const PROBE_MINUTES = 15;

/**
 * TensorFlow 2.21 looks for cuSOLVER in cuSPARSE's folder, but not in its own (tensorflow/tensorflow#112973). Without
 * it, TensorFlow does not use the GPU. LD_LIBRARY_PATH helps too, but not a program that is started without our
 * settings.
 */
export function linkCuSolver(prefix) {
  if (!hasCuSolverLink(prefix)) {
    fs.symlinkSync('../../cusolver/lib/libcusolver.so.11', cuSolverLink(prefix));
  }
}

export function hasCuSolverLink(prefix) {
  const file = cuSolverLink(prefix);
  return !file || fs.lstatSync(file, { throwIfNoEntry: false }) !== undefined;
}

function cuSolverLink(prefix) {
  const folder = cudaFolders(prefix).find((name) => name.endsWith('cusparse/lib'));
  return folder && path.join(folder, 'libcusolver.so.11');
}

/** Opens `names` as a process with our settings does. Returns those that cannot be opened. */
export function missingLibraries(names = LIBRARIES) {
  const open = `import ctypes, sys
for name in sys.argv[1:]:
    try: ctypes.CDLL(name)
    except OSError: print(name)`;
  const { stdout } = spawnSync(pythonEnvironment().python, ['-c', open, ...names], {
    env: runtimeEnvironment(),
    encoding: 'utf8',
  });
  return stdout === null ? names : stdout.split('\n').filter(Boolean);
}

/** The cards, as `NVIDIA T4, 15360 MiB, 15101 MiB free, driver 550.54`, or what nvidia-smi says instead. */
export function describeCards() {
  const fields = 'name,memory.total,memory.free,driver_version';
  const { stdout, stderr, status, error } = spawnSync(
    'nvidia-smi',
    [`--query-gpu=${fields}`, '--format=csv,noheader'],
    { encoding: 'utf8', timeout: 60_000 },
  );
  const lines = (stdout || stderr || error?.message || '').trim().split('\n');
  if (status !== 0) return { ok: false, text: `nvidia-smi fails: ${lines.pop()}` };
  const cards = lines.map((line) => {
    const [name, total, free, driver] = line.split(', ');
    return `${name}, ${total}, ${free} free, driver ${driver}`;
  });
  return { ok: true, text: cards.join('; ') };
}

/**
 * Runs src/cli/probe.ts, which computes with TensorFlow in a process of its own. Resolves to what it found, or to
 * `{ error }` in one line. `log` is TensorFlow's log; `gpuProblem` reads it.
 */
export function probe(interrupt) {
  return new Promise((resolve) => {
    const child = spawn(
      process.execPath,
      [...typescript, path.join(root, 'src', 'cli', 'probe.ts')],
      {
        cwd: root,
        env: {
          ...runtimeEnvironment(),
          ...{ TF_CPP_MIN_LOG_LEVEL: '0', TF_CPP_VMODULE: 'dso_loader=1' },
        },
        stdio: ['ignore', 'pipe', 'pipe'],
        timeout: 60_000 * PROBE_MINUTES,
        killSignal: 'SIGKILL',
        signal: interrupt,
      },
    );
    let [output, log] = ['', ''];
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    child.stderr.on('data', (chunk) => {
      log = (log + chunk).slice(-100_000);
    });
    child.on('error', () => {}); // interrupted; 'close' follows
    child.on('close', (code, signal) => {
      try {
        resolve({ ...JSON.parse(output), log });
      } catch {
        const reason = log.split('\n').find((line) => /^\w*Error: |^F\d+ /.test(line));
        const how =
          signal === 'SIGKILL'
            ? `TensorFlow was stopped after ${PROBE_MINUTES} minutes`
            : undefined;
        const end = signal ? `TensorFlow crashes (${signal})` : `TensorFlow fails (exit ${code})`;
        resolve({ error: reason ?? how ?? end, log });
      }
    });
  });
}

/** Why TensorFlow cannot use the GPU, or undefined if it can. */
export function gpuProblem({ error, device, failures, log }) {
  if (device === 'GPU') return failures.length > 0 ? failures.join('; ') : undefined;
  const missing = [...log.matchAll(/Could not load dynamic library '([^']+)'/g)].map(
    ([, name]) => name,
  );
  if (missing.includes('libcuda.so.1')) return 'there is no NVIDIA driver (no libcuda.so.1)';
  if (missing.length > 0) return `libraries are missing: ${[...new Set(missing)].join(', ')}`;
  if (error) return error;
  const reason = log.match(/(Ignoring visible gpu device .*|failed call to cuInit: .*)/)?.[1];
  return reason ?? 'TensorFlow sees no GPU';
}
