// Where things are on this machine. Uses only Node's own modules: it runs before any package is installed.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
export const nodeModules = path.join(root, 'node_modules');

/** Lets Node run TypeScript. */
export const typescript = ['--require', path.join(root, 'scripts', 'typescript.cjs')];

/** The user's folder, to which the paths on the command line are relative. (npm changes to the root.) */
export const userFolder = process.env.INIT_CWD ?? process.cwd();

/**
 * Settings that TensorFlow, the allocator and the dynamic linker read when a process starts, for a kernelspec. With
 * TensorFlow's CUDA build, its libraries are on the linker's path: the list inside TensorFlow 2.21 is not complete.
 */
export function runtimeSettings() {
  const settings = JSON.parse(read(path.join(root, 'scripts', 'setup', 'runtime-env.json')));
  const cuda = cudaFolders(pythonEnvironment().prefix).join(':');
  // Jupyter inserts the variable's value. Without one, the slash keeps this from naming a folder in the current one.
  return cuda ? { ...settings, LD_LIBRARY_PATH: `${cuda}:/$LD_LIBRARY_PATH` } : settings;
}

/**
 * The user's environment without the settings of their own Python (`PYTHONPATH`, `PYTHONHOME`, …), the packages in
 * their home folder and the modules in the current folder: all of them would replace packages of ours. For every
 * program that we start.
 */
export function programEnvironment() {
  const kept = Object.entries(process.env).filter(([name]) => !/^PYTHON./.test(name));
  return { ...Object.fromEntries(kept), PYTHONNOUSERSITE: '1', PYTHONSAFEPATH: '1' };
}

/** The environment of Jupyter and of every process that loads TensorFlow. Variables set by the user win. */
export function runtimeEnvironment() {
  const { prefix } = pythonEnvironment();
  const paths = {
    LD_LIBRARY_PATH: inFront(cudaFolders(prefix), process.env.LD_LIBRARY_PATH),
    // The user may have another kernel named tslab.
    JUPYTER_PATH: inFront([path.join(prefix, 'share', 'jupyter')], process.env.JUPYTER_PATH),
  };
  const used = Object.entries(paths).filter(([, value]) => value !== '');
  const { LD_LIBRARY_PATH: _, ...settings } = runtimeSettings();
  return { ...settings, ...programEnvironment(), ...Object.fromEntries(used) };
}

/** A search path of `folders`, then those of the user. */
function inFront(folders, users = '') {
  const theirs = users.split(path.delimiter).filter(Boolean);
  return [...new Set([...folders, ...theirs])].join(path.delimiter);
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

/** The folders of the CUDA libraries, if the installed TensorFlow is the CUDA build. */
export function cudaFolders(prefix) {
  if (!tensorflowWheel(prefix)?.startsWith('tensorflow ')) return [];
  const nvidia = path.join(path.dirname(tensorflowFolder(prefix)), 'nvidia');
  const folders = namesIn(nvidia).map((name) => path.join(nvidia, name, 'lib'));
  return folders.filter((folder) => fs.existsSync(folder));
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
