// The steps of the set-up. Each step knows whether it is done, what it needs, and how to do it. When it has
// finished, it writes a mark into the folder it created. So a step that was cut off has no mark, and deleting the
// folder deletes the mark.
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { UserError } from './command.mjs';
import { gpuProblem, hasCuSolverLink, linkCuSolver, probe } from './cuda.mjs';
import {
  bindingPackage,
  nodeModules,
  pythonEnvironment,
  read,
  readJson,
  root,
  runtimeSettings,
  tensorflowFolder,
  tensorflowWheel,
} from './environment.mjs';
import { nodeGyp, npmCi, pipOf } from './install.mjs';
import { runSilently } from './launch.mjs';
import {
  checkCompiler,
  checkOpenFiles,
  checkPlatform,
  checkPython,
  checkWritable,
  findPython,
  nodeHeaders,
  nvidiaDriver,
} from './machine.mjs';

const MARK = '.tutorial-setup.json';

/** What we add to the binding: several processes that train together (src/workers/), and AdamW in one pass. */
const BINDING_PATCH = path.join(root, 'scripts', 'native', 'tfjs-node-gpu.patch');
const ADAMW = path.join(root, 'src', 'tf', 'adamw.h');

/**
 * The steps in order: npm packages, Python packages, binding, kernel, GPU. `isDone()`; `needs()` throws UserError if
 * the machine lacks something; `run(signal)` stops when the AbortSignal fires, and may resolve to a note for the user; `note`,
 * if any, is shown before.
 * After the GPU step, an earlier one may no longer be done.
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

function npmPackages() {
  const mark = path.join(nodeModules, MARK);
  const key = sha256(read(path.join(root, 'package-lock.json')), process.platform, process.arch);
  return {
    name: 'npm packages',
    isDone: () => readJson(mark)?.key === key,
    needs() {
      checkOpenFiles();
      checkWritable(nodeModules);
    },
    async run(signal) {
      await npmCi(signal);
      writeJson(mark, { key });
    },
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
  return {
    name: `Python packages in ${conda ? `conda environment ${prefix}` : '.venv'} (${gpu ? 'CUDA' : 'CPU'})`,
    isDone: () => isInstalled() && readJson(mark).device === device,
    note:
      foreign &&
      `using .venv: the conda environment ${foreign} was not made from environment.yml, so it is left alone`,
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
    async run(signal) {
      if (!isInstalled()) {
        fs.rmSync(mark, { force: true });
        if (!conda) {
          fs.rmSync(prefix, { recursive: true, force: true });
          await runSilently(findPython(pins.tensorflow), ['-m', 'venv', prefix], signal);
        }
        const pip = await pipOf(python, signal);
        const install = (...args) =>
          pip('install', '--no-input', '--disable-pip-version-check', ...args);
        if (conda) {
          const others = gpu ? ['tensorflow-cpu'] : ['tensorflow', '--requirement', cuda];
          await pip('uninstall', '--yes', ...others);
        }
        // We need TensorFlow's library and headers, not the Python packages that it depends on, except for the CUDA
        // libraries.
        await install('--no-deps', wheel, ...(gpu ? ['--requirement', cuda] : []));
        await install(...pins.others);
        if (!tensorflowFolder(prefix)) {
          throw new UserError(`${wheel} was installed but contains no headers`);
        }
      }
      writeJson(mark, { key, device, gpu: device === 'auto' ? unusable : undefined });
    },
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
    isDone: () => !gpu || (hasCuSolverLink(prefix) && readJson(mark)?.gpu?.key === gpuKey()),
    needs: () => {},
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
  };
}

function binding({ prefix, python }) {
  const lib = path.join(bindingPackage, 'lib');
  const mark = path.join(lib, MARK);
  const built = path.join(lib, 'napi-v8', 'tfjs_binding.node');
  const key = () =>
    sha256(
      ...[tensorflowFolder(prefix) ?? '', tensorflowWheel(prefix) ?? '', process.arch],
      ...[BINDING_PATCH, ADAMW].map(read),
    );
  return {
    name: 'TensorFlow binding',
    isDone: () => fs.existsSync(built) && readJson(mark)?.key === key(),
    needs() {
      checkCompiler();
      nodeHeaders();
      const folder = [root, prefix].find((name) => /\s/.test(name));
      if (folder) {
        throw new UserError(
          `'${folder}' contains a space, which the build tools cannot handle: move it`,
        );
      }
      checkWritable(lib);
    },
    async run(signal) {
      fs.rmSync(lib, { recursive: true, force: true });
      const tensorflow = tensorflowFolder(prefix);
      linkLibraries(tensorflow);
      await patchSources();
      const gyp = [
        path.join(nodeModules, 'node-gyp', 'bin', 'node-gyp.js'),
        'rebuild',
        `--nodedir=${nodeHeaders()}`,
        '--module_name=tfjs_binding',
        `--module_path=${path.dirname(built)}`,
        '--napi_build_version=8',
      ];
      // The real path: TensorFlow finds its framework library and CUDA's relative to this folder.
      const rpath = `-Wl,-rpath,'${fs.realpathSync(tensorflow)}'`;
      const adamw = `-I'${path.dirname(ADAMW)}' -fno-math-errno`; // or the compiler keeps sqrt out of vectors
      await nodeGyp(gyp, signal, bindingPackage, {
        PYTHON: python,
        CXXFLAGS: `${process.env.CXXFLAGS ?? ''} ${adamw}`,
        LDFLAGS: `${process.env.LDFLAGS ?? ''} ${rpath}`,
      });
      writeJson(mark, { key: key() });
    },
  };
}

/** Applies BINDING_PATCH to the binding's sources. Their original text is kept in `.orig` files. */
async function patchSources() {
  const { applyPatch, parsePatch } = await import('diff');
  for (const patch of parsePatch(read(BINDING_PATCH))) {
    const file = path.join(bindingPackage, patch.newFileName.replace(/^b\//, ''));
    const original = `${file}.orig`;
    if (!fs.existsSync(original)) fs.copyFileSync(file, original);
    const patched = applyPatch(read(original), patch);
    if (patched === false) {
      throw new UserError(
        `${BINDING_PATCH} does not fit ${file}: adapt it to this version of tfjs-node-gpu`,
      );
    }
    fs.writeFileSync(file, patched);
  }
}

/** Links the wheel's headers and libraries to where the binding's build looks for them. */
function linkLibraries(tensorflow) {
  const deps = path.join(bindingPackage, 'deps');
  fs.rmSync(deps, { recursive: true, force: true });
  fs.mkdirSync(path.join(deps, 'lib'), { recursive: true });
  fs.symlinkSync(path.join(tensorflow, 'include'), path.join(deps, 'include'));
  const mac = process.platform === 'darwin';
  for (const [name, wheelName] of [
    ['tensorflow', 'tensorflow_cc'],
    ['tensorflow_framework', 'tensorflow_framework'],
  ]) {
    const from = path.join(tensorflow, mac ? `lib${wheelName}.2.dylib` : `lib${wheelName}.so.2`);
    const to = path.join(deps, 'lib', mac ? `lib${name}.2.dylib` : `lib${name}.so`);
    fs.symlinkSync(from, to);
  }
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
    name: 'Jupyter kernel',
    isDone: () =>
      Object.entries(files).every(
        ([file, content]) => JSON.stringify(readJson(file)) === JSON.stringify(content),
      ),
    needs: () => Object.keys(files).forEach(checkWritable),
    async run() {
      for (const [file, content] of Object.entries(files)) writeJson(file, content);
    },
  };
}

/** The pip list of environment.yml: TensorFlow's version, and the other requirements. */
function pythonPins() {
  const lines = read(path.join(root, 'environment.yml')).split('\n');
  const requirements = lines
    .slice(lines.findIndex((line) => line.trim() === '- pip:') + 1)
    .map((line) => line.match(/^\s+- (.+)$/)?.[1])
    .filter(Boolean);
  const tensorflow = requirements.filter((line) => /^tensorflow(-cpu)?==/.test(line));
  return {
    tensorflow: tensorflow[0].match(/==([\d.]+)/)[1],
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
