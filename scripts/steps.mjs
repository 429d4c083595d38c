// The steps of the set-up. Each step knows whether it is done, what it needs, and how to do it. When it has
// finished, it writes a mark into the folder it created. So a step that was cut off has no mark, and deleting the
// folder deletes the mark.
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { UserError } from './command.mjs';
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
import { runSilently } from './launch.mjs';
import { checkCompiler, findPython, hasNvidiaDriver, nodeHeaders } from './machine.mjs';

const MARK = '.tutorial-setup.json';

/** What we add to the binding: several processes that train together (src/workers/). */
const BINDING_PATCH = path.join(root, 'scripts', 'tfjs-node-gpu.patch');

/**
 * The steps in order: npm packages, Python packages, binding, kernel. `isDone()`; `needs()` throws UserError if the
 * machine lacks something; `run(signal)` stops when the AbortSignal fires.
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
  ];
}

function npmPackages() {
  const mark = path.join(nodeModules, MARK);
  const key = sha256(read(path.join(root, 'package-lock.json')), process.platform, process.arch);
  const flags = [
    '--ignore-scripts',
    '--include=dev',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  ];
  return {
    name: 'npm packages',
    isDone: () => readJson(mark)?.key === key,
    needs: () => {},
    async run(signal) {
      await runSilently('npm', ['ci', ...flags], signal);
      writeJson(mark, { key });
    },
  };
}

function pythonPackages({ prefix, python, conda }, requestedDevice) {
  const mark = path.join(prefix, MARK);
  const device = requestedDevice ?? readJson(mark)?.device ?? 'auto';
  const gpu = device === 'gpu' || (device === 'auto' && hasNvidiaDriver());
  const pins = pythonPins();
  const wheel = tensorflowRequirement(pins.tensorflow, gpu);
  const key = sha256(read(path.join(root, 'environment.yml')), wheel, prefix);
  const isInstalled = () =>
    readJson(mark)?.key === key && fs.existsSync(python) && Boolean(tensorflowFolder(prefix));
  return {
    name: `Python packages in ${conda ? `conda environment ${prefix}` : '.venv'} (${gpu ? 'CUDA' : 'CPU'})`,
    gpu,
    isDone: () => isInstalled() && readJson(mark).device === device,
    needs: () => (conda ? undefined : findPython()),
    async run(signal) {
      if (!isInstalled()) {
        fs.rmSync(mark, { force: true });
        const pip = (command, ...args) =>
          runSilently(python, ['-m', 'pip', command, '--quiet', ...args], signal);
        const install = (...args) =>
          pip('install', '--no-input', '--disable-pip-version-check', ...args);
        if (conda) {
          await pip('uninstall', '--yes', gpu ? 'tensorflow-cpu' : 'tensorflow');
        } else {
          fs.rmSync(prefix, { recursive: true, force: true });
          await runSilently(findPython(), ['-m', 'venv', prefix], signal);
        }
        // We need TensorFlow's library and headers, not the Python packages that it depends on. But the CUDA
        // libraries are such packages.
        await install(...(gpu ? [] : ['--no-deps']), wheel);
        await install(...pins.others);
        if (!tensorflowFolder(prefix)) {
          throw new UserError(`${wheel} was installed but contains no headers`);
        }
      }
      writeJson(mark, { key, device });
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
      read(BINDING_PATCH),
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
      await runSilently(process.execPath, gyp, signal, {
        cwd: bindingPackage,
        env: {
          ...process.env,
          PYTHON: python,
          LDFLAGS: `${process.env.LDFLAGS ?? ''} ${rpath}`,
        },
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

/** The kernel for this checkout and this Node, and settings that stop JupyterLab from fetching news. */
function kernel({ prefix }) {
  const share = path.join(prefix, 'share', 'jupyter');
  const files = {
    [path.join(share, 'kernels', 'tslab', 'kernel.json')]: {
      argv: [process.execPath, path.join(root, 'scripts', 'kernel.cjs'), '{connection_file}'],
      display_name: 'TypeScript (tslab)',
      language: 'typescript',
      interrupt_mode: 'signal',
      env: runtimeSettings(),
    },
    [path.join(share, 'lab', 'settings', 'overrides.json')]: {
      '@jupyterlab/apputils-extension:notification': { checkForUpdates: false, fetchNews: 'false' },
    },
  };
  return {
    name: 'Jupyter kernel',
    isDone: () =>
      Object.entries(files).every(
        ([file, content]) => JSON.stringify(readJson(file)) === JSON.stringify(content),
      ),
    needs: () => {},
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
  if (gpu) return `tensorflow[and-cuda]==${version}`;
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
