// Runs the program's bundle. Node 22 and newer keep its compiled code for the next process (preload.cjs); for Node 20,
// this file does: a command then starts a quarter sooner.
const fs = require('node:fs');
const Module = require('node:module');
const path = require('node:path');
const vm = require('node:vm');

const bundle = path.join(__dirname, '..', 'build', 'program.cjs');
if (Module.enableCompileCache) require(bundle);
else runWithCodeCache();

function runWithCodeCache() {
  // What is compiled depends on the command. The time tells one bundle from the next.
  const name = /^[a-z]+$/.exec(process.argv[2]) ?? 'none';
  const file = `${bundle}.${name}.${fs.statSync(bundle).mtimeMs}.cache`;
  const script = new vm.Script(Module.wrap(fs.readFileSync(bundle, 'utf8')), {
    filename: bundle,
    cachedData: fs.existsSync(file) ? fs.readFileSync(file) : undefined,
    importModuleDynamically: vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
  if (script.cachedDataRejected ?? true) process.once('exit', () => store(script, file));
  const require = Module.createRequire(bundle);
  script.runInThisContext()({}, require, module, bundle, path.dirname(bundle));
}

function store(script, file) {
  try {
    fs.writeFileSync(`${file}.${process.pid}`, script.createCachedData());
    fs.renameSync(`${file}.${process.pid}`, file);
  } catch {} // The disk is full, or the folder not ours: the next process compiles again.
}
