// The Jupyter kernel: tslab, running in the project's root so that cells can import ./src/… .
// (tslab resolves imports from its working directory, and Jupyter sets that to the notebook's folder.)
// tslab 1.0.22 is changed: it compiles src/ faster, it tells when imported code has changed, and two faults are avoided.
const fs = require('node:fs');
const path = require('node:path');

const root = path.dirname(__dirname);
if (path.basename(process.cwd()) === 'zh') process.env.FIGURE_LANGUAGE = 'zh';
process.chdir(root);
const compiler = require.resolve('@tslab/typescript-for-tslab', {
  paths: [require.resolve('tslab')],
});
const ts = require(compiler);
/** The text of each imported file of the project, as this kernel runs it. */
const imported = new Map();
/** The newest text of those of which the reader has been told. */
const told = new Map();
require.cache[compiler].exports = fasterCompiler();
changeConverter();
require('tslab/dist/main.js').startKernel({ configPath: process.argv[2], enableFindLocal: false });

/**
 * tslab's compiler, except that types of packages are loaded only where they are imported, and that src/ is compiled by
 * esbuild, in advance (TypeScript still checks its types). Otherwise the kernel and the first import take half as long
 * again.
 */
function fasterCompiler() {
  // tslab would load a changed file again, but not the files that import it, and it breaks when a file appears.
  ts.sys.watchFile = ts.sys.watchDirectory = () => ({ close() {} });
  const compiled = compileSources();
  const codes = new Set(compiled.values());

  function createWatchCompilerHost(files, options, ...rest) {
    const host = ts.createWatchCompilerHost(files, { ...options, types: ['node'] }, ...rest);
    const { createProgram } = host;
    host.createProgram = (...args) => {
      const builder = createProgram(...args);
      const { emit } = builder;
      builder.emit = (file, write, ...more) => {
        const name = path.relative(root, file.fileName).replace(/ts$/, 'js');
        if (name !== '__tslab__.js') imported.set(file.fileName, file.text);
        const code = compiled.get(file.text);
        if (code === undefined) return emit(file, write, ...more); // a cell, or edited since
        write(`${options.outDir}/${name}`, code);
      };
      return builder;
    };
    return host;
  }

  // tslab would turn the compiled code into a CommonJS module, which it is.
  function transpileModule(code, options) {
    return codes.has(code) ? { outputText: code } : ts.transpileModule(code, options);
  }

  return { ...ts, createWatchCompilerHost, transpileModule };
}

/** The compiled code of every file of src/, by the file's text. Empty if one has a syntax error. */
function compileSources() {
  const { buildSync } = require('esbuild');
  try {
    const { outputFiles } = buildSync({
      entryPoints: [path.join(root, 'src/**/*.ts')],
      ...{ outbase: root, outdir: root, write: false, logLevel: 'silent' },
      ...{ format: 'cjs', target: 'es2022' },
    });
    const source = (file) => fs.readFileSync(file.replace(/js$/, 'ts'), 'utf8');
    return new Map(outputFiles.map((file) => [source(file.path), file.text]));
  } catch {
    return new Map();
  }
}

/** Changes what tslab does with a cell before it runs. */
function changeConverter() {
  const converter = require('tslab/dist/converter.js');
  const { createConverter } = converter;
  converter.createConverter = (options) => {
    const { convert, ...rest } = createConverter(options);
    let failed = false;
    return {
      ...rest,
      convert(declarations, cell) {
        tellChanges();
        // A cell with other imports makes the compiler forget those of a cell that failed: they may be mended now.
        if (failed) convert(declarations, "import 'fs';");
        const converted = convert(declarations, spelledOut(cell));
        failed = converted.diagnostics.length > 0;
        return converted;
      },
    };
  };
}

/** Tells, once for each change, which imported files are no longer what this kernel runs. */
function tellChanges() {
  for (const [file, text] of imported) {
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
