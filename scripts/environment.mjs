// Where things are on this machine. Uses only Node's own modules: it runs before any package is installed.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
export const nodeModules = path.join(root, 'node_modules');
export const bindingPackage = path.join(nodeModules, '@tensorflow', 'tfjs-node-gpu');

/** Lets Node run TypeScript: `node --import`. */
export const tsxLoader = path.join(nodeModules, 'tsx', 'dist', 'loader.mjs');

/** The user's folder, to which the paths on the command line are relative. (npm changes to the root.) */
export const userFolder = process.env.INIT_CWD ?? process.cwd();

/** Settings that TensorFlow and the allocator read when a process starts. */
export function runtimeSettings() {
  return JSON.parse(read(path.join(root, 'scripts', 'runtime-env.json')));
}

/** The environment of Jupyter and of every process that loads TensorFlow. Variables set by the user win. */
export function runtimeEnvironment() {
  return { ...runtimeSettings(), ...process.env, JUPYTER_PATH: jupyterPath() };
}

/** Jupyter's search path. Our folder comes first: the user may have another kernel named tslab. */
function jupyterPath() {
  const ours = path.join(pythonEnvironment().prefix, 'share', 'jupyter');
  const theirs = (process.env.JUPYTER_PATH ?? '').split(path.delimiter);
  return [...new Set([ours, ...theirs.filter(Boolean)])].join(path.delimiter);
}

/** The Python environment: the active conda environment (not `base`), or else `.venv`. */
export function pythonEnvironment() {
  const { CONDA_PREFIX, CONDA_DEFAULT_ENV } = process.env;
  const conda = Boolean(CONDA_PREFIX) && CONDA_DEFAULT_ENV !== 'base';
  const prefix = conda ? CONDA_PREFIX : path.join(root, '.venv');
  return { conda, prefix, python: path.join(prefix, 'bin', 'python') };
}

/** The folder of the installed TensorFlow wheel, or undefined. */
export function tensorflowFolder(prefix) {
  const lib = path.join(prefix, 'lib');
  return namesIn(lib)
    .filter((name) => /^python3\.\d+$/.test(name))
    .map((name) => path.join(lib, name, 'site-packages', 'tensorflow'))
    .find((folder) => fs.existsSync(path.join(folder, 'include', 'tensorflow', 'c', 'c_api.h')));
}

/** The installed TensorFlow wheel as `tensorflow_cpu 2.21.0`, or undefined. */
export function tensorflowWheel(prefix) {
  const folder = tensorflowFolder(prefix);
  return namesIn(folder && path.dirname(folder))
    .find((name) => /^tensorflow(_cpu)?-[\d.]+\.dist-info$/.test(name))
    ?.replace('.dist-info', '')
    .replace('-', ' ');
}

function namesIn(folder) {
  return folder && fs.existsSync(folder) ? fs.readdirSync(folder) : [];
}

export function read(file) {
  return fs.readFileSync(file, 'utf8');
}

/** The content of a JSON file, or undefined if it is missing or damaged. */
export function readJson(file) {
  try {
    return JSON.parse(read(file));
  } catch {
    return undefined;
  }
}
