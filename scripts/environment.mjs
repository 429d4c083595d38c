// Where things are on this machine. Plain Node without packages: it runs before they are installed.
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

export const bindingPackage = path.join(root, 'node_modules', '@tensorflow', 'tfjs-node-gpu');

/** The environment of every process that loads TensorFlow. Variables set by the user win. */
export function runtimeEnvironment() {
  return { ...JSON.parse(read(path.join(root, 'scripts', 'runtime-env.json'))), ...process.env };
}

/** The Python environment: the active conda environment (not `base`), else `.venv`. */
export function pythonEnvironment() {
  const { CONDA_PREFIX, CONDA_DEFAULT_ENV } = process.env;
  const conda = Boolean(CONDA_PREFIX) && CONDA_DEFAULT_ENV !== 'base';
  const prefix = conda ? CONDA_PREFIX : path.join(root, '.venv');
  return { conda, prefix, python: path.join(prefix, 'bin', 'python') };
}

/** The folder of the installed TensorFlow wheel, or undefined. */
export function tensorflowFolder(prefix) {
  const lib = path.join(prefix, 'lib');
  const pythons = fs.existsSync(lib)
    ? fs.readdirSync(lib).filter((name) => /^python3\.\d+$/.test(name))
    : [];
  return pythons
    .map((name) => path.join(lib, name, 'site-packages', 'tensorflow'))
    .find((folder) => fs.existsSync(path.join(folder, 'include', 'tensorflow', 'c', 'c_api.h')));
}

/** The installed TensorFlow wheel as `tensorflow_cpu 2.21.0`, or undefined. */
export function tensorflowWheel(prefix) {
  const folder = tensorflowFolder(prefix);
  const info = folder
    ? fs
        .readdirSync(path.dirname(folder))
        .find((name) => /^tensorflow(_cpu)?-[\d.]+\.dist-info$/.test(name))
    : undefined;
  return info?.replace('.dist-info', '').replace('-', ' ');
}

export function kernelspecFile(prefix) {
  return path.join(prefix, 'share', 'jupyter', 'kernels', 'tslab', 'kernel.json');
}

/** The kernelspec for this checkout and this Node, as text. */
export function kernelspec() {
  const spec = {
    argv: [process.execPath, path.join(root, 'scripts', 'kernel.cjs'), '{connection_file}'],
    display_name: 'TypeScript (tslab)',
    language: 'typescript',
    interrupt_mode: 'signal',
    env: JSON.parse(read(path.join(root, 'scripts', 'runtime-env.json'))),
  };
  return `${JSON.stringify(spec, null, 2)}\n`;
}

export function hasNvidiaDriver() {
  return fs.existsSync('/proc/driver/nvidia/version') || onPath('nvidia-smi') !== undefined;
}

/** The full path of a program, or undefined. */
export function onPath(program) {
  return (process.env.PATH ?? '')
    .split(path.delimiter)
    .map((folder) => path.join(folder, program))
    .find((file) => fs.existsSync(file) && fs.statSync(file).isFile());
}

export function sha256(...texts) {
  const hash = crypto.createHash('sha256');
  for (const text of texts) hash.update(text).update('\0');
  return hash.digest('hex');
}

export function read(file) {
  return fs.readFileSync(file, 'utf8');
}

export function readJson(file) {
  try {
    return JSON.parse(read(file));
  } catch {
    return undefined;
  }
}
