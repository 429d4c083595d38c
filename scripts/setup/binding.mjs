// Builds TensorFlow's binding: the sources of tfjs-node-gpu, with our patch, against the installed TensorFlow.
import fs from 'node:fs';
import path from 'node:path';
import { UserError } from './command.mjs';
import { nodeModules, read, root } from './environment.mjs';
import { runSilently } from './launch.mjs';
import { compiler, nodeHeaders } from './machine.mjs';

const bindingPackage = path.join(nodeModules, '@tensorflow', 'tfjs-node-gpu');
export const bindingFolder = path.join(bindingPackage, 'lib');
export const bindingFile = path.join(bindingFolder, 'napi-v8', 'tfjs_binding.node');

/** What we add to the sources: several processes that train together (src/workers/), and AdamW in one pass. */
const PATCH = path.join(root, 'scripts', 'native', 'tfjs-node-gpu.patch');
const ADAMW = path.join(root, 'src', 'tf', 'adamw.h');
export const bindingInputs = [PATCH, ADAMW];

const isMac = process.platform === 'darwin';

/** `tensorflow`: the folder of the installed wheel, with the headers and the libraries. */
export async function buildBinding(tensorflow, interrupt) {
  fs.rmSync(bindingFolder, { recursive: true, force: true });
  fs.mkdirSync(path.dirname(bindingFile), { recursive: true });
  const [program, ...words] = compiler();
  const run = (...args) => runSilently(program, [...words, ...args], interrupt);
  const folders = [
    path.join(bindingPackage, 'binding'),
    path.join(tensorflow, 'include'),
    path.join(nodeHeaders(), 'include', 'node'),
    path.dirname(ADAMW),
  ];
  const flags = [
    ...['-std=gnu++17', '-O3', '-fPIC', '-pthread', '-fno-rtti', '-fno-exceptions', '-w'],
    ...['-DNODE_GYP_MODULE_NAME=tfjs_binding', '-DBUILDING_NODE_EXTENSION'],
    ...folders.map((folder) => `-I${folder}`),
    ...[...flagsIn('CPPFLAGS'), ...flagsIn('CXXFLAGS')],
    '-fno-math-errno', // or the compiler keeps sqrt out of vectors
  ];
  const compiled = await Promise.allSettled(
    (await patchedSources()).map(async (source) => {
      await run(...flags, '-c', source, '-o', `${source}.o`);
      return `${source}.o`;
    }),
  );
  const failed = compiled.find(({ status }) => status === 'rejected');
  if (failed) throw failed.reason;
  const libraries = ['tensorflow_cc', 'tensorflow_framework'].map((name) =>
    path.join(tensorflow, isMac ? `lib${name}.2.dylib` : `lib${name}.so.2`),
  );
  await run(
    ...(isMac ? ['-bundle', '-undefined', 'dynamic_lookup'] : ['-shared', '-pthread']),
    ...compiled.map(({ value }) => value),
    ...libraries,
    // The real path: TensorFlow finds its framework library and CUDA's relative to this folder.
    ...['-Xlinker', '-rpath', '-Xlinker', fs.realpathSync(tensorflow)],
    ...[...flagsIn('LDFLAGS'), '-o', bindingFile],
  );
}

/** Writes the patched files to a folder of their own. Returns those to compile. */
async function patchedSources() {
  const { applyPatch, parsePatch } = await import('diff');
  const folder = path.join(bindingFolder, 'source');
  fs.mkdirSync(folder);
  const files = parsePatch(read(PATCH)).map((patch) => {
    const original = path.join(bindingPackage, patch.newFileName.replace(/^b\//, ''));
    const patched = applyPatch(read(original), patch);
    if (patched === false) {
      throw new UserError(
        `${PATCH} does not fit ${original}: adapt it to this version of tfjs-node-gpu`,
      );
    }
    const file = path.join(folder, path.basename(original));
    fs.writeFileSync(file, patched);
    return file;
  });
  return files.filter((file) => file.endsWith('.cc'));
}

function flagsIn(variable) {
  return (process.env[variable] ?? '').split(/\s+/).filter(Boolean);
}
