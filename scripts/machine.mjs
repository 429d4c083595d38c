// What the set-up needs from the machine. If something is missing, UserError says how to install it.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { UserError } from './command.mjs';
import { read } from './environment.mjs';

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

/** Returns a Python that TensorFlow has wheels for and that can create virtual environments. */
export function findPython() {
  const candidates = process.env.PYTHON
    ? [process.env.PYTHON]
    : [...SUPPORTED_PYTHONS.map((version) => `python${version}`), 'python3', 'python'];
  const probe = 'import sys; print("%d.%d" % sys.version_info[:2]); import ensurepip, venv';
  const unusable = [];
  for (const candidate of candidates) {
    const { stdout, status } = spawnSync(candidate, ['-c', probe], { encoding: 'utf8' });
    const version = stdout?.trim();
    if (!version) continue;
    if (!SUPPORTED_PYTHONS.includes(version)) unusable.push(`${candidate} is ${version}`);
    else if (status !== 0) unusable.push(`${candidate} (${version}) lacks the module venv`);
    else return candidate;
  }
  const found = unusable.length > 0 ? `found: ${unusable.join(', ')}` : 'found none';
  throw missing(
    `Python ${SUPPORTED_PYTHONS.join(', ')} with venv (${found}; set the variable PYTHON to choose one)`,
    'python3 python3-venv',
    'python3.12',
    'python@3.12',
  );
}

export function checkCompiler() {
  const hasCompiler = process.env.CXX || ['c++', 'g++', 'clang++'].some(isOnPath);
  const tools = [
    ...(hasCompiler ? [] : ['a C++ compiler']),
    ...(isOnPath('make') ? [] : ["the program 'make'"]),
  ];
  if (tools.length > 0) throw missing(tools.join(' and '), 'g++ make', 'gcc-c++ make');
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
