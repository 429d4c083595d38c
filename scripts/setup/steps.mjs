// The steps of the set-up: what each needs, how it is seen to be done, how it is done, and what to say if it is not.
// When a step has finished, it writes a mark into the folder it created. So a step that was cut off has no mark, and
// deleting the folder deletes the mark.
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { bindingFile, bindingFolder, bindingInputs, buildBinding } from './binding.mjs';
import { UserError } from './command.mjs';
import { gpuProblem, hasCuSolverLink, linkCuSolver, probe } from './cuda.mjs';
import {
  nodeModules,
  pythonEnvironment,
  read,
  readJson,
  root,
  runtimeSettings,
  tensorflowFolder,
  tensorflowWheel,
} from './environment.mjs';
import { npmCi, pythonPackageManager } from './install.mjs';
import { runSilently } from './launch.mjs';
import {
  checkOpenFiles,
  checkPlatform,
  checkPython,
  checkWritable,
  compiler,
  findPython,
  nodeHeaders,
  nvidiaDriver,
} from './machine.mjs';

const MARK = '.tutorial-setup.json';

/**
 * The steps of the set-up. Each has
 * - `name`; `title`, if the set-up shows more; `after`: the names of the steps that it builds on;
 * - `needs()`: throws UserError if the machine lacks something;
 * - `isDone()`: looks, and changes nothing;
 * - `run(signal)`: does it, and stops when the AbortSignal fires. May resolve to a note for the user. `note`, if any,
 *   is shown before;
 * - `good` and `bad`: what the doctor says about it.
 * After the GPU check, an earlier step may no longer be done.
 *
 * @param {string | undefined} requestedDevice `cpu`, `gpu` or `auto`; undefined: the last choice
 */
export function setupSteps(requestedDevice) {
  const environment = pythonEnvironment();
  return [
    npmPackages(),
    pythonPackages(environment, requestedDevice),
    binding(environment),
    kernel(environment),
    gpuCheck(environment, requestedDevice),
  ];
}

/** What the machine lacks for a step, and how to install it, or undefined. */
export function lackingFor(step) {
  try {
    step.needs();
    return undefined;
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
}

function npmPackages() {
  const mark = path.join(nodeModules, MARK);
  const key = sha256(read(path.join(root, 'package-lock.json')), process.platform, process.arch);
  return {
    name: 'npm packages',
    after: [],
    needs() {
      checkOpenFiles();
      checkWritable(nodeModules);
    },
    isDone: () => readJson(mark)?.key === key,
    async run(signal) {
      fs.rmSync(mark, { force: true });
      await npmCi(signal);
      writeJson(mark, { key });
    },
    good: 'match the lock file',
    bad: 'missing, or different from the lock file',
  };
}

function pythonPackages({ prefix, python, conda, foreign }, requestedDevice) {
  const mark = path.join(prefix, MARK);
  const { device, gpu, unusable } = chosenDevice(prefix, requestedDevice);
  const cuda = path.join(root, 'scripts', 'setup', 'cuda.txt');
  const pins = pythonPins();
  const wheel = tensorflowRequirement(pins.tensorflow, gpu);
  const key = sha256(
    ...[read(path.join(root, 'environment.yml')), wheel, prefix],
    ...(gpu ? [read(cuda)] : []),
  );
  const isInstalled = () =>
    readJson(mark)?.key === key && fs.existsSync(python) && Boolean(tensorflowFolder(prefix));
  const relative = path.relative(root, prefix);
  const inside = relative.startsWith('..') ? prefix : relative;
  const why = foreign
    ? ` (the conda environment ${foreign} was not made from environment.yml)`
    : '';
  const shown = `${conda ? 'conda, ' : ''}${inside}${why}`;
  return {
    name: 'Python environment',
    title: `Python packages in ${conda ? `conda environment ${prefix}` : '.venv'} (${gpu ? 'CUDA' : 'CPU'})`,
    note:
      foreign &&
      `using .venv: the conda environment ${foreign} was not made from environment.yml, so it is left alone`,
    after: [],
    needs() {
      checkPlatform(pins.tensorflow);
      if (gpu && (process.platform !== 'linux' || process.arch !== 'x64')) {
        throw new UserError(
          'TensorFlow has a CUDA build for Linux on x86-64 only: npm run setup -- --device cpu',
        );
      }
      if (conda) checkPython(python, pins.tensorflow);
      else findPython(pins.tensorflow);
      checkWritable(prefix);
    },
    isDone: () => isInstalled() && readJson(mark).device === device,
    async run(signal) {
      let note;
      if (!isInstalled()) {
        fs.rmSync(mark, { force: true });
        if (!conda) {
          fs.rmSync(prefix, { recursive: true, force: true });
          await runSilently(findPython(pins.tensorflow), ['-m', 'venv', prefix], signal);
        }
        const { install, uninstall } = await pythonPackageManager(python, signal);
        if (conda) {
          await uninstall(...(gpu ? ['tensorflow-cpu'] : ['tensorflow', '--requirement', cuda]));
        }
        // We need TensorFlow's library and headers, not the Python packages that it depends on, except for the CUDA
        // libraries.
        const tensorflow = ['--no-deps', wheel, ...(gpu ? ['--requirement', cuda] : [])];
        note = await install(pins.uv, tensorflow, pins.others);
        if (!tensorflowFolder(prefix)) {
          throw new UserError(`${wheel} was installed but contains no headers`);
        }
      }
      writeJson(mark, { key, device, gpu: device === 'auto' ? unusable : undefined });
      return note;
    },
    good: shown,
    bad: `${shown}: missing, or different from environment.yml`,
  };
}

function binding({ prefix }) {
  const mark = path.join(bindingFolder, MARK);
  const key = () =>
    sha256(
      ...[tensorflowFolder(prefix) ?? '', tensorflowWheel(prefix) ?? '', process.arch],
      ...bindingInputs.map(read),
    );
  return {
    name: 'Binding',
    title: 'TensorFlow binding',
    after: ['npm packages', 'Python environment'],
    needs() {
      compiler();
      nodeHeaders();
      checkWritable(bindingFolder);
    },
    isDone: () => fs.existsSync(bindingFile) && readJson(mark)?.key === key(),
    async run(signal) {
      await buildBinding(tensorflowFolder(prefix), signal);
      writeJson(mark, { key: key() });
    },
    good: 'built for this wheel',
    bad: 'missing, or built for another wheel',
  };
}

/**
 * Which build of TensorFlow to install. `auto` is the CUDA build if there is a driver, unless the GPU check has failed
 * with this driver: then `unusable` is its result.
 */
function chosenDevice(prefix, requestedDevice) {
  const known = readJson(path.join(prefix, MARK));
  const device = requestedDevice ?? known?.device ?? 'auto';
  const isCurrent = known?.gpu?.problem && known.gpu.key === gpuKey();
  const unusable = isCurrent ? known.gpu : undefined;
  const gpu = device === 'gpu' || (device === 'auto' && Boolean(nvidiaDriver()) && !unusable);
  return { device, gpu, unusable };
}

/** What the result of the GPU check depends on. */
function gpuKey() {
  return sha256(nvidiaDriver() ?? '', pythonPins().tensorflow);
}

/** Computes on the GPU. With `auto`, a GPU that does not work makes the set-up install the CPU build. */
function gpuCheck({ prefix }, requestedDevice) {
  const mark = path.join(prefix, MARK);
  const { device, gpu, unusable } = chosenDevice(prefix, requestedDevice);
  return {
    name: 'GPU check',
    /** Whether the CUDA build is chosen, and why not if there is a driver. */
    ...{ gpu, problem: unusable?.problem },
    after: ['Binding'],
    needs() {},
    isDone: () => !gpu || (hasCuSolverLink(prefix) && readJson(mark)?.gpu?.key === gpuKey()),
    async run(signal) {
      linkCuSolver(prefix);
      const found = await probe(signal);
      signal.throwIfAborted();
      const problem = gpuProblem(found);
      writeJson(mark, { ...readJson(mark), gpu: { key: gpuKey(), problem } });
      if (!problem) return found.deviceName;
      const next =
        device === 'auto'
          ? "TensorFlow's CPU build is installed instead. To insist: npm run setup -- --device gpu"
          : 'To check again: npm run doctor. For the CPU build: npm run setup -- --device cpu';
      return `The GPU cannot be used: ${problem}.\n    ${next}.`;
    },
    good: 'done',
    bad: 'not done',
  };
}

/** Where the Python environment has the kernel. */
export const kernelFolder = (prefix) => path.join(prefix, 'share', 'jupyter', 'kernels', 'tslab');

/** The kernel for this checkout and this Node, and settings that stop JupyterLab from fetching news. */
function kernel({ prefix }) {
  const settings = path.join(prefix, 'share', 'jupyter', 'lab', 'settings', 'overrides.json');
  const files = {
    [path.join(kernelFolder(prefix), 'kernel.json')]: {
      argv: [
        process.execPath,
        path.join(root, 'scripts', 'kernel', 'kernel.cjs'),
        '{connection_file}',
      ],
      display_name: 'TypeScript (tslab)',
      language: 'typescript',
      interrupt_mode: 'signal',
      env: runtimeSettings(),
    },
    [settings]: {
      '@jupyterlab/apputils-extension:notification': { checkForUpdates: false, fetchNews: 'false' },
    },
  };
  return {
    name: 'Kernel',
    title: 'Jupyter kernel',
    after: ['Python environment'],
    needs: () => Object.keys(files).forEach(checkWritable),
    isDone: () =>
      Object.entries(files).every(
        ([file, content]) => JSON.stringify(readJson(file)) === JSON.stringify(content),
      ),
    async run() {
      for (const [file, content] of Object.entries(files)) writeJson(file, content);
    },
    good: 'tslab, for this checkout',
    bad: 'missing, or for another checkout',
  };
}

/** The pip list of environment.yml: TensorFlow's version, uv, and the other requirements. */
function pythonPins() {
  const lines = read(path.join(root, 'environment.yml')).split('\n');
  const requirements = lines
    .slice(lines.findIndex((line) => line.trim() === '- pip:') + 1)
    .map((line) => line.match(/^\s+- (.+)$/)?.[1])
    .filter(Boolean);
  const tensorflow = requirements.filter((line) => /^tensorflow(-cpu)?==/.test(line));
  return {
    tensorflow: tensorflow[0].match(/==([\d.]+)/)[1],
    uv: requirements.find((line) => line.startsWith('uv==')),
    others: requirements.filter((line) => !tensorflow.includes(line)),
  };
}

/** Only Linux on x86-64 has a smaller wheel for CPUs. */
function tensorflowRequirement(version, gpu) {
  if (gpu) return `tensorflow==${version}`;
  const small = process.platform === 'linux' && process.arch === 'x64';
  return `${small ? 'tensorflow-cpu' : 'tensorflow'}==${version}`;
}

function sha256(...texts) {
  const hash = crypto.createHash('sha256');
  for (const text of texts) hash.update(text).update('\0');
  return hash.digest('hex');
}

function writeJson(file, content) {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, `${JSON.stringify(content, null, 2)}\n`);
}
