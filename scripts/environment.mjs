// Where things are on this machine. Uses only Node's own modules: it runs before any package is installed.
import fs from 'node:fs';
import os from 'node:os';
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

/**
 * The user's environment without the settings of their own Python (`PYTHONPATH`, `PYTHONHOME`, …) and without the
 * packages in their home folder: both would replace packages of ours. For every program that we start.
 */
export function programEnvironment() {
  const kept = Object.entries(process.env).filter(([name]) => !/^PYTHON./.test(name));
  return { ...Object.fromEntries(kept), PYTHONNOUSERSITE: '1', HOME: homeFolder() };
}

/** npm and JupyterLab write to the home folder. Users without one, as in a container, get one in the project. */
function homeFolder() {
  try {
    const home = os.homedir(); // throws if there is neither HOME nor an entry for the user
    fs.accessSync(home, fs.constants.W_OK);
    return home;
  } catch {
    return path.join(root, 'build', 'home');
  }
}

/** The environment of every process that loads TensorFlow. Variables set by the user win. */
export function runtimeEnvironment() {
  return { ...runtimeSettings(), ...programEnvironment() };
}

/**
 * The Python environment: the active conda environment if it was made from environment.yml, or else `.venv`.
 * `foreign` is the active conda environment that is left alone.
 */
export function pythonEnvironment() {
  const active = process.env.CONDA_PREFIX;
  const conda = Boolean(active) && isMadeFromOurFile(active);
  const prefix = conda ? active : path.join(root, '.venv');
  const foreign = conda ? undefined : active;
  return { conda, prefix, python: path.join(prefix, 'bin', 'python'), foreign };
}

/** conda and mamba store the `variables` of environment.yml in this file, which belongs to one environment. */
function isMadeFromOurFile(condaPrefix) {
  const state = readJson(path.join(condaPrefix, 'conda-meta', 'state'));
  return Boolean(state?.env_vars?.ALEXNET_MNIST_ENVIRONMENT);
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
  if (!folder) return undefined;
  return namesIn(path.dirname(folder))
    .find((name) => /^tensorflow(_cpu)?-[\d.]+\.dist-info$/.test(name))
    ?.replace('.dist-info', '')
    .replace('-', ' ');
}

/** Empty if the folder is missing or cannot be read. */
function namesIn(folder) {
  try {
    return fs.readdirSync(folder);
  } catch {
    return [];
  }
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
