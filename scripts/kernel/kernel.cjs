// The Jupyter kernel: tslab, running in the project's root so that cells can import ./src/… .
// (tslab resolves imports from its working directory, and Jupyter sets that to the notebook's folder.)
// tslab 1.0.22 is changed: it starts faster, it tells when imported code has changed, and three faults are avoided.
const path = require('node:path');
require('../typescript.cjs');
const { sendAllOutput, stopLongCalls } = require('./cells.cjs');
const { declarationFile, openDeclarations } = require('./declarations.cjs');

const root = path.resolve(__dirname, '../..');
if (path.basename(process.cwd()) === 'zh') process.env.FIGURE_LANGUAGE = 'zh';
process.chdir(root);
const compiler = require.resolve('@tslab/typescript-for-tslab', {
  paths: [require.resolve('tslab')],
});
const ts = require(compiler);
const kept = openDeclarations(root);
/** The text of each file of the project, as this kernel runs it if it has been imported. */
const imported = new Map(kept.sources);
/** The newest text of those of which the reader has been told. */
const told = new Map();
require.cache[compiler].exports = fasterCompiler();
changeConverter();
sayInputErrorsInOneLine();
endWithParent();
sendAllOutput();
require('tslab/dist/main.js').startKernel({ configPath: process.argv[2], enableFindLocal: false });
stopLongCalls();

/**
 * tslab's compiler, except that types of packages are loaded only where they are imported, that it reads declarations
 * in place of src/ once src/ has been checked, and that tsx compiles src/. Otherwise the kernel and the first import take
 * three times as long.
 */
function fasterCompiler() {
  // tslab would load a changed file again, but not the files that import it, and it breaks when a file appears.
  ts.sys.watchFile = ts.sys.watchDirectory = () => ({ close() {} });
  const { fileExists, readFile } = ts.sys;
  const { saved } = kept;
  ts.sys.fileExists = (file) =>
    saved.has(file) || (!saved.has(declarationFile(file)) && fileExists(file));
  ts.sys.readFile = (file, encoding) => saved.get(file) ?? readFile(file, encoding);

  function createWatchCompilerHost(files, options, ...rest) {
    const host = ts.createWatchCompilerHost(files, { ...options, types: ['node'] }, ...rest);
    const { createProgram } = host;
    host.createProgram = (...args) => {
      const builder = createProgram(...args);
      const { emit } = builder;
      builder.emit = (file, ...more) => {
        const name = file.fileName;
        if (!name.endsWith('.ts') || path.basename(name) === '__tslab__.ts')
          return emit(file, ...more);
        imported.set(name, file.text);
        emit(file, (_, text) => kept.add(file, text), undefined, true);
      };
      return builder;
    };
    return host;
  }

  return { ...ts, createWatchCompilerHost };
}

/** Changes what tslab does with a cell before it runs. */
function changeConverter() {
  const converter = require('tslab/dist/converter.js');
  const { createConverter } = converter;
  converter.createConverter = (options) => {
    const { convert, ...rest } = createConverter(options);
    let failed = false;
    const prepare = () => {
      failed = !compilesCore(convert);
      loadTensorFlow();
    };
    const idle = setTimeout(prepare, 1000); // while the reader reads, what the first cell would wait for
    return {
      ...rest,
      convert(declarations, cell) {
        clearTimeout(idle);
        tellChanges();
        // A cell with other imports makes the compiler forget those of a cell that failed: they may be mended now.
        if (failed) convert(declarations, "import 'fs';");
        const converted = convert(declarations, spelledOut(cell));
        failed = converted.diagnostics.length > 0;
        if (!failed) kept.save();
        // tslab looks for `await` only, and would run the loop outside an async function.
        return {
          ...converted,
          hasToplevelAwait: converted.hasToplevelAwait || /\bfor await\b/.test(cell),
        };
      },
    };
  };
}

/** Mistakes of the reader, and the stop button, need no stack trace. tslab prints all errors with console.error. */
function sayInputErrorsInOneLine() {
  const { error: print } = console;
  const short = (item) => {
    if (/^(Interrupted asynchronously|Script execution was interrupted)/.test(item?.message)) {
      return 'Interrupted: stopped while waiting or computing';
    }
    const isPlain = ['InputError', 'DivergedError', 'Interrupted'].includes(item?.name);
    return isPlain ? `${item.name}: ${item.message}` : item;
  };
  console.error = (...items) => print(...items.map(short));
}

/** Ends the kernel when Jupyter is gone, however it ended. */
function endWithParent() {
  const parent = Number(process.env.JPY_PARENT_PID);
  if (!parent) return;
  const watch = () => {
    try {
      process.kill(parent, 0);
    } catch {
      process.exit();
    }
  };
  setInterval(watch, 2000).unref();
}

function compilesCore(convert) {
  const { diagnostics } = convert('', "import './src/train/index'; import './src/viz/index';");
  return diagnostics.length === 0;
}

function loadTensorFlow() {
  try {
    require('../../src/tf/index.ts');
  } catch {} // The first cell will tell.
}

/** Tells, once for each change, which imported files are no longer what this kernel runs. */
function tellChanges() {
  for (const [file, text] of imported) {
    if (!require.cache[file]) continue;
    const now = ts.sys.readFile(file);
    if (now === undefined || now === text || now === told.get(file)) continue;
    told.set(file, now);
    const name = path.relative(root, file);
    console.error(`${name} has changed since this kernel started: restart the kernel to use it`);
  }
}

/**
 * In tslab the shorthand `{ layers }` fails with "layers is not defined" if `layers` comes from an earlier cell. So it
 * is expanded to `{ layers: layers }` before a cell is compiled.
 */
function spelledOut(cell) {
  const ends = [];
  const visit = (node) => {
    if (ts.isShorthandPropertyAssignment(node) && !node.objectAssignmentInitializer)
      ends.push(node);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile('cell.ts', cell, ts.ScriptTarget.Latest, true));
  return ends
    .reverse()
    .reduce(
      (text, { name }) => `${text.slice(0, name.end)}: ${name.text}${text.slice(name.end)}`,
      cell,
    );
}
