// What the set-up needs from the machine. If something is missing, UserError says how to install it.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { UserError } from './command.mjs';
import { programEnvironment, read, root } from './environment.mjs';

const SUPPORTED_PYTHONS = ['3.11', '3.12', '3.13'];

export function checkNode() {
  if (Number(process.versions.node.split('.')[0]) >= 20) return;
  throw missing(
    `Node 20 or newer (this is ${process.version})`,
    'nodejs   (Debian 13, Ubuntu 25.04; for older releases see nodejs.org/en/download)',
    'nodejs22',
    'node',
  );
}

/** The NVIDIA driver, if there is one and TensorFlow has a CUDA build for this system. */
export function nvidiaDriver() {
  if (process.platform !== 'linux' || process.arch !== 'x64') return undefined;
  const file = '/proc/driver/nvidia/version';
  if (fs.existsSync(file)) return read(file).trim();
  return isOnPath('nvidia-smi') ? 'nvidia-smi' : undefined; // Windows' driver under WSL
}

/** Throws UserError if TensorFlow has no wheel for this machine. Python's version is checked elsewhere. */
export function checkPlatform(tensorflow) {
  const { platform, arch } = process;
  const isLinux = platform === 'linux' && ['x64', 'arm64'].includes(arch);
  if (isLinux && process.report.getReport().header.glibcVersionRuntime) return;
  if (platform === 'darwin' && arch === 'arm64') return;
  const [where, instead] =
    platform === 'darwin'
      ? ['macOS on Intel', 'a Mac with Apple silicon (and Node for arm64), or Linux']
      : platform === 'win32'
        ? ['Windows', 'WSL, with everything installed in it']
        : isLinux
          ? ['Linux without glibc (Alpine)', 'a distribution with glibc, such as Debian']
          : [`${platform} on ${arch}`, 'Linux on x86-64 or arm64, or a Mac with Apple silicon'];
  throw new UserError(`TensorFlow ${tensorflow} has no build for ${where}: use ${instead}.`);
}

/** Returns a Python that TensorFlow has wheels for and that can create virtual environments. */
export function findPython(tensorflow) {
  const chosen = process.env.PYTHON;
  const candidates = chosen
    ? [chosen]
    : [...SUPPORTED_PYTHONS.map((version) => `python${version}`), 'python3', 'python'];
  const unusable = [];
  for (const candidate of candidates) {
    const { version, hasVenv } = pythonVersion(candidate);
    if (!version) continue;
    if (!SUPPORTED_PYTHONS.includes(version)) unusable.push([candidate, version]);
    else if (!hasVenv) unusable.push([candidate, `${version} without the module venv`]);
    else return candidate;
  }
  if (unusable.length > 0 && unusable.every(([, version]) => isTooNew(version))) {
    throw unsupportedPython(
      ...unusable[0],
      tensorflow,
      `install Python ${SUPPORTED_PYTHONS.at(-1)} (for example with uv or pyenv) and set the variable PYTHON to its path`,
    );
  }
  const none = chosen ? `'${chosen}', the value of PYTHON, is not a Python` : 'found none';
  const all = unusable.map(([candidate, version]) => `${candidate} is ${version}`).join(', ');
  const found = all ? `found: ${all}` : none;
  throw missing(
    `Python ${SUPPORTED_PYTHONS.join(', ')} with venv (${found}; set the variable PYTHON to choose one)`,
    'python3 python3-venv',
    'python3.12',
    'python@3.12',
  );
}

/** Throws UserError if TensorFlow has no wheels for this Python, of a conda environment. */
export function checkPython(python, tensorflow) {
  const { version } = pythonVersion(python);
  if (!SUPPORTED_PYTHONS.includes(version)) {
    throw unsupportedPython(
      python,
      version ?? 'that does not start',
      tensorflow,
      'delete the conda environment and create it again from environment.yml',
    );
  }
}

/** For example `3.12`; `3.13t` without the global lock, `pypy 3.11`: TensorFlow has no wheels for these. */
function pythonVersion(python) {
  const probe =
    'import sys; name = sys.implementation.name; ' +
    'print(("" if name == "cpython" else name + " ") + "%d.%d" % sys.version_info[:2] + sys.abiflags); ' +
    'import ensurepip, venv';
  const env = programEnvironment();
  const options = { cwd: root, env, encoding: 'utf8' };
  const { stdout, status } = spawnSync(python, ['-c', probe], options);
  return { version: stdout?.trim() || undefined, hasVenv: status === 0 };
}

function isTooNew(version) {
  const [, major, minor] = /(\d+)\.(\d+)/.exec(version).map(Number);
  const [, newest] = SUPPORTED_PYTHONS.at(-1).split('.').map(Number);
  return major === 3 && minor > newest;
}

function unsupportedPython(python, version, tensorflow, remedy) {
  return new UserError(
    `TensorFlow ${tensorflow} has no build for Python ${version} (${python}): ${remedy}.`,
  );
}

/** How many files a process may have open. (Node raises its soft limit to the hard one.) */
export function openFiles() {
  return process.report.getReport().userLimits.open_files.soft;
}

export const TOO_FEW_FILES =
  "Too few files may be open at once for npm: run 'ulimit -n 4096' in this shell (if it refuses, as an administrator), and run it again.";

/** With fewer, npm fails after minutes, or takes all memory. */
export function checkOpenFiles() {
  if (openFiles() < 256) throw new UserError(TOO_FEW_FILES);
}

/** Whether the folder can be written to; if it does not exist, whether it can be created. */
export function isWritable(folder) {
  return fs.existsSync(folder) ? !refusal(folder) : isWritable(path.dirname(folder));
}

/** Throws UserError if the file or folder cannot be written to or created. */
export function checkWritable(folder) {
  if (!isWritable(folder)) throw new UserError(explainRefusal(folder));
}

/** Why writing, deleting or creating something was refused, and what to do. Undefined if it is not known. */
export function explainRefusal(place) {
  let existing = place;
  while (!fs.existsSync(existing)) existing = path.dirname(existing);
  let refused = [existing, path.dirname(existing)].find(refusal);
  if (!refused) return undefined;
  const isOurs = path.relative(root, refused).split(path.sep)[0] !== '..';
  while (isOurs && refused !== root && refusal(path.dirname(refused))) {
    refused = path.dirname(refused);
  }
  if (refusal(refused) === 'EROFS') {
    return `'${refused}' is on a read-only file system: copy the project to a folder that you can write to.`;
  }
  const owner = fs.statSync(refused).uid;
  const me = process.getuid();
  const [why, command] =
    owner === me
      ? ['is write-protected', `chmod -R u+w '${refused}'`]
      : [
          `belongs to user ${userName(owner)}, and you (${userName(me)}) cannot write to it`,
          `sudo chown -R ${me} '${refused}'`,
        ];
  // Outside the project it may be the folder of a system, which nobody should change.
  const remedy = isOurs
    ? `run "${command}", or copy the project to a folder of your own`
    : 'give yourself access to it, or choose another folder';
  return `'${refused}' ${why}: ${remedy}.`;
}

/** The code of the error on writing to an existing file or folder, or undefined. */
function refusal(place) {
  const { W_OK, X_OK } = fs.constants;
  try {
    fs.accessSync(place, fs.statSync(place).isDirectory() ? W_OK | X_OK : W_OK);
    return undefined;
  } catch (error) {
    return error.code;
  }
}

function userName(uid) {
  const { stdout, status } = spawnSync('id', ['-un', uid], { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : uid;
}

/** The words that start the C++ compiler: CXX, which may contain options, or the first one on the path. */
export function compiler() {
  if (process.env.CXX) return process.env.CXX.trim().split(/\s+/);
  const found = ['c++', 'g++', 'clang++'].find(isOnPath);
  if (found) return [found];
  throw missing('a C++ compiler', 'g++', 'gcc-c++');
}

/** Returns the folder that contains include/node: headers that came with Node. They are never downloaded. */
export function nodeHeaders() {
  const prefix = path.dirname(path.dirname(fs.realpathSync(process.execPath)));
  const candidates = [process.env.npm_config_nodedir, prefix, '/usr', '/usr/local'];
  const found = candidates.find((folder) => folder && hasHeaders(folder));
  if (found) return found;
  throw new UserError(
    `Node's headers for ${process.version} are missing (looked in ${prefix}/include/node).\n` +
      '  Debian/Ubuntu: sudo apt-get install libnode-dev   (or Node from nodejs.org, which includes them)\n' +
      '  Fedora:        sudo dnf install nodejs-devel\n' +
      '  macOS:         brew install node',
  );
}

function hasHeaders(folder) {
  const file = path.join(folder, 'include', 'node', 'node_version.h');
  if (!fs.existsSync(file)) return false;
  // The binding uses only Node-API, which is stable across versions.
  return Number(read(file).match(/#define NODE_MAJOR_VERSION (\d+)/)?.[1]) >= 16;
}

function isOnPath(program) {
  const folders = (process.env.PATH ?? '').split(path.delimiter);
  const files = folders.map((folder) => path.join(folder, program));
  return files.some((file) => fs.existsSync(file) && fs.statSync(file).isFile());
}

/** @param {string} [mac] a Homebrew formula; by default Xcode's tools */
function missing(what, debian, fedora, mac) {
  return new UserError(
    `This needs ${what}.\n` +
      `  Debian/Ubuntu: sudo apt-get install ${debian}\n` +
      `  Fedora:        sudo dnf install ${fedora}\n` +
      `  macOS:         ${mac ? `brew install ${mac}` : 'xcode-select --install'}`,
  );
}
