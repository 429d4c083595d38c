// The steps of the set-up. Each knows whether it is done, what it needs, and how to do it. A step writes a
// mark when it has finished, inside the folder it created: a half-finished step has no mark, and deleting
// the folder deletes its mark.
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import {
  bindingPackage,
  hasNvidiaDriver,
  kernelspec,
  kernelspecFile,
  onPath,
  pythonEnvironment,
  read,
  readJson,
  root,
  sha256,
  tensorflowFolder,
  tensorflowWheel,
} from './environment.mjs';

export class SetupError extends Error {}

const SUPPORTED_PYTHONS = ['3.11', '3.12', '3.13'];

/** @param {string | undefined} requestedDevice `cpu`, `gpu` or `auto`; undefined: the last choice */
export function setupSteps(requestedDevice) {
  const environment = pythonEnvironment();
  const pythonMark = path.join(environment.prefix, '.tutorial-setup.json');
  const requested = requestedDevice ?? readJson(pythonMark)?.device ?? 'auto';
  const gpu = requested === 'gpu' || (requested === 'auto' && hasNvidiaDriver());
  return [
    npmPackages(),
    pythonPackages(environment, pythonMark, requested, gpu),
    binding(environment),
    kernel(environment),
  ];
}

function npmPackages() {
  const mark = path.join(root, 'node_modules', '.tutorial-setup.json');
  const key = sha256(read(path.join(root, 'package-lock.json')), process.platform, process.arch);
  return {
    name: 'npm packages',
    isDone: () => readJson(mark)?.key === key,
    needs: () => {},
    async run() {
      await execute('npm', [
        'ci',
        '--ignore-scripts',
        '--include=dev',
        '--no-audit',
        '--no-fund',
        '--loglevel=error',
      ]);
      writeMark(mark, { key });
    },
  };
}

function pythonPackages(environment, mark, device, gpu) {
  const { prefix, python, conda } = environment;
  const pins = pythonPins();
  const wheel = tensorflowRequirement(pins.tensorflow, gpu);
  const key = sha256(read(path.join(root, 'environment.yml')), wheel, prefix);
  return {
    name: `Python packages in ${conda ? `conda environment ${prefix}` : '.venv'} (${gpu ? 'CUDA' : 'CPU'})`,
    isDone: () => {
      const found = readJson(mark);
      return (
        found?.key === key &&
        found.device === device &&
        fs.existsSync(python) &&
        Boolean(tensorflowFolder(prefix))
      );
    },
    needs: () => (conda ? undefined : findPython()),
    async run() {
      if (readJson(mark)?.key === key && tensorflowFolder(prefix) && fs.existsSync(python)) {
        writeMark(mark, { key, device }); // another choice, but the same packages
        return;
      }
      fs.rmSync(mark, { force: true });
      if (!conda) {
        fs.rmSync(prefix, { recursive: true, force: true });
        await execute(findPython(), ['-m', 'venv', prefix]);
      }
      const pip = ['-m', 'pip', 'install', '--quiet', '--no-input', '--disable-pip-version-check'];
      // We need TensorFlow's library and headers, not the Python packages it depends on. The CUDA libraries,
      // however, are dependencies.
      if (conda) {
        await execute(python, [
          '-m',
          'pip',
          'uninstall',
          '--quiet',
          '--yes',
          gpu ? 'tensorflow-cpu' : 'tensorflow',
        ]);
      }
      await execute(python, [...pip, ...(gpu ? [] : ['--no-deps']), wheel]);
      await execute(python, [...pip, ...pins.others]);
      if (!tensorflowFolder(prefix))
        throw new SetupError(`${wheel} was installed but contains no headers`);
      writeMark(mark, { key, device });
    },
  };
}

function binding({ prefix, python }) {
  const mark = path.join(bindingPackage, 'lib', '.tutorial-setup.json');
  const built = path.join(bindingPackage, 'lib', 'napi-v8', 'tfjs_binding.node');
  const key = () =>
    sha256(tensorflowFolder(prefix) ?? '', tensorflowWheel(prefix) ?? '', process.arch);
  return {
    name: 'TensorFlow binding',
    isDone: () => fs.existsSync(built) && readJson(mark)?.key === key(),
    needs() {
      const compiler = process.env.CXX || onPath('c++') || onPath('g++') || onPath('clang++');
      const tools = [
        ...(compiler ? [] : ['a C++ compiler']),
        ...(onPath('make') ? [] : ["the program 'make'"]),
      ];
      if (tools.length > 0) throw missing(tools.join(' and '), 'g++ make', 'gcc-c++ make');
      nodeHeaders();
      if (/\s/.test(root) || /\s/.test(prefix)) {
        throw new SetupError(
          `The project is in '${root}'. The compiler's tools cannot handle a space in the path: move it.`,
        );
      }
    },
    async run() {
      fs.rmSync(path.join(bindingPackage, 'lib'), { recursive: true, force: true });
      const tensorflow = tensorflowFolder(prefix);
      linkLibraries(tensorflow);
      const gyp = path.join(root, 'node_modules', 'node-gyp', 'bin', 'node-gyp.js');
      await execute(
        process.execPath,
        [
          gyp,
          'rebuild',
          `--nodedir=${nodeHeaders()}`,
          '--module_name=tfjs_binding',
          `--module_path=${path.dirname(built)}`,
          '--napi_build_version=8',
        ],
        {
          cwd: bindingPackage,
          env: {
            ...process.env,
            PYTHON: python,
            // Not a link: TensorFlow finds its framework library and CUDA's relative to this folder.
            LDFLAGS: `${process.env.LDFLAGS ?? ''} -Wl,-rpath,'${fs.realpathSync(tensorflow)}'`,
          },
        },
      );
      writeMark(mark, { key: key() });
    },
  };
}

/** The kernel, and JupyterLab settings that keep it from fetching news. */
function kernel({ prefix }) {
  const settings = {
    '@jupyterlab/apputils-extension:notification': {
      checkForUpdates: false,
      fetchNews: 'false',
    },
  };
  const files = {
    [kernelspecFile(prefix)]: kernelspec(),
    [path.join(prefix, 'share', 'jupyter', 'lab', 'settings', 'overrides.json')]:
      `${JSON.stringify(settings, null, 2)}\n`,
  };
  return {
    name: 'Jupyter kernel',
    isDone: () =>
      Object.entries(files).every(([file, text]) => fs.existsSync(file) && read(file) === text),
    needs: () => {},
    async run() {
      for (const [file, text] of Object.entries(files)) {
        fs.mkdirSync(path.dirname(file), { recursive: true });
        fs.writeFileSync(file, text);
      }
    },
  };
}

/** The pip list of environment.yml: TensorFlow's version, and the other requirements. */
export function pythonPins() {
  const lines = read(path.join(root, 'environment.yml')).split('\n');
  const requirements = lines
    .slice(lines.findIndex((line) => line.trim() === '- pip:') + 1)
    .map((line) => line.match(/^\s+- (.+)$/)?.[1])
    .filter(Boolean);
  const isTensorflow = (requirement) => /^tensorflow(-cpu)?==/.test(requirement);
  return {
    tensorflow: requirements.find(isTensorflow).match(/==([\d.]+)/)[1],
    others: requirements.filter((requirement) => !isTensorflow(requirement)),
  };
}

/** Only Linux on x86-64 has a smaller wheel for CPUs. */
function tensorflowRequirement(version, gpu) {
  if (gpu) return `tensorflow[and-cuda]==${version}`;
  const small = process.platform === 'linux' && process.arch === 'x64';
  return `${small ? 'tensorflow-cpu' : 'tensorflow'}==${version}`;
}

let foundPython;

/** A Python that TensorFlow has wheels for and that can create virtual environments. */
function findPython() {
  if (foundPython) return foundPython;
  const candidates = process.env.PYTHON
    ? [process.env.PYTHON]
    : [...SUPPORTED_PYTHONS.map((version) => `python${version}`), 'python3', 'python'];
  const probe = 'import sys; print("%d.%d" % sys.version_info[:2]); import ensurepip, venv';
  const seen = [];
  for (const candidate of candidates) {
    const { stdout, status } = spawnSync(candidate, ['-c', probe], { encoding: 'utf8' });
    const version = stdout?.trim();
    if (!version) continue;
    if (!SUPPORTED_PYTHONS.includes(version)) {
      seen.push(`${candidate} is ${version}`);
    } else if (status !== 0) {
      seen.push(`${candidate} (${version}) lacks the module venv`);
    } else {
      foundPython = candidate;
      return candidate;
    }
  }
  const found = seen.length > 0 ? `found: ${[...new Set(seen)].join(', ')}` : 'found none';
  const wanted = `Python ${SUPPORTED_PYTHONS.join(', ')} with venv (${found}; set the variable PYTHON to choose one)`;
  throw missing(wanted, 'python3 python3-venv', 'python3.12', 'python@3.12');
}

/** The folder with include/node, Node's own headers. They come with Node and are never downloaded. */
function nodeHeaders() {
  const prefix = path.dirname(path.dirname(fs.realpathSync(process.execPath)));
  const candidates = [process.env.npm_config_nodedir, prefix, '/usr', '/usr/local'];
  const found = candidates.find((folder) => folder && headersFit(folder));
  if (found) return found;
  throw new SetupError(
    `Node's headers for ${process.version} are missing (looked in ${prefix}/include/node).\n` +
      '  Debian/Ubuntu: sudo apt-get install libnode-dev   (or Node from nodejs.org, which has them)\n' +
      '  Fedora:        sudo dnf install nodejs-devel\n' +
      '  macOS:         brew install node',
  );
}

function headersFit(prefix) {
  const file = path.join(prefix, 'include', 'node', 'node_version.h');
  if (!fs.existsSync(file)) return false;
  const major = read(file).match(/#define NODE_MAJOR_VERSION (\d+)/)?.[1];
  // The binding uses only Node-API, which is stable across versions.
  return major !== undefined && Number(major) >= 16;
}

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

export function missing(what, debian, fedora, mac) {
  return new SetupError(
    `This needs ${what}.\n` +
      `  Debian/Ubuntu: sudo apt-get install ${debian}\n` +
      `  Fedora:        sudo dnf install ${fedora}\n` +
      `  macOS:         ${mac ? `brew install ${mac}` : 'xcode-select --install'}`,
  );
}

function writeMark(file, content) {
  fs.writeFileSync(file, JSON.stringify(content));
}

let running;

/** Stops the program that `execute` is running, if any, and waits for its end. */
export function stopRunning() {
  if (!running) return undefined;
  const ended = new Promise((resolve) => running.once('close', resolve));
  running.kill('SIGTERM');
  return ended;
}

/** Runs a program silently. If it fails, its last lines are the error message. */
function execute(program, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...options,
    });
    running = child;
    let output = '';
    const keep = (chunk) => {
      output = (output + chunk).slice(-20_000);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', (error) =>
      reject(new SetupError(`cannot start ${program}: ${error.message}`)),
    );
    child.on('close', (code, signal) => {
      running = undefined;
      if (code === 0) return resolve();
      const lines = output.trim().split('\n');
      const shown = lines.length <= 20 ? lines : [...lines.slice(0, 8), '…', ...lines.slice(-10)];
      const how = signal ?? `exit ${code}`;
      reject(
        new SetupError(`'${program} ${args.join(' ')}' failed (${how}):\n  ${shown.join('\n  ')}`),
      );
    });
  });
}
