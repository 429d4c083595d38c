// What a notebook's committed outputs were made from, and whether they are still as new as its code.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { root as project, sha256 } from './environment.mjs';
import { SetupError } from './steps.mjs';

const LIMIT = 1_000_000;
const short = (hash) => hash.slice(0, 12);

/** A notebook's JSON; what cannot be read is a plain error. */
export function readNotebook(file) {
  try {
    const notebook = JSON.parse(fs.readFileSync(file, 'utf8'));
    if (!Array.isArray(notebook.cells)) throw new Error('it has no cells');
    return notebook;
  } catch (error) {
    throw new SetupError(`${path.basename(file)}: not a notebook: ${error.message}`);
  }
}

/**
 * Hashes of what a notebook's outputs are made from: its code cells, and the modules below `root` that they
 * import, directly or through others. Comments and types make no output, so they make no difference.
 *
 * @returns {Promise<{ code: string, cells: string, files: Record<string, string> }>}
 */
export async function madeFrom(notebook, root = project) {
  const ts = await typescript();
  const sources = notebook.cells.filter((cell) => cell.cell_type === 'code').map(source);
  // A cell's import may be used in a later cell only, so none is left out as unused; in a module, what is
  // imported for its types only is.
  const cells = sources.map((text) => plain(ts, text, { verbatimModuleSyntax: true }));
  const modules = new Map();
  const waiting = cells.flatMap((text) => imports(ts, text, root));
  while (waiting.length > 0) {
    const file = waiting.pop();
    if (modules.has(file)) continue;
    const text = fs.readFileSync(file, 'utf8');
    const code = file.endsWith('.ts') ? plain(ts, text) : text;
    modules.set(file, code);
    if (file.endsWith('.ts')) waiting.push(...imports(ts, code, path.dirname(file)));
  }
  const files = [...modules]
    .map(([file, code]) => [path.relative(root, file).split(path.sep).join('/'), sha256(code)])
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    code: sha256(...cells, ...files.flat()),
    cells: short(sha256(...cells)),
    files: Object.fromEntries(files.map(([file, hash]) => [file, short(hash)])),
  };
}

/**
 * Whether a notebook's outputs are as new as its code, as a sentence.
 *
 * @returns {Promise<{ ok: boolean, says: string }>}
 */
export async function checkOutputs(notebook, root = project) {
  const note = notebook.metadata?.outputs_of;
  if (!notebook.cells.some((cell) => cell.outputs?.length > 0)) {
    return { ok: false, says: 'no outputs' };
  }
  if (!note) {
    return { ok: false, says: 'its outputs are not from npm run tutorial -- --save' };
  }
  const now = await madeFrom(notebook, root);
  if (now.code === note.code) return { ok: true, says: `outputs of ${note.date}` };
  const files = Object.entries(note.files ?? {})
    .filter(([file, hash]) =>
      file in now.files ? now.files[file] !== hash : !fs.existsSync(path.join(root, file)),
    )
    .map(([file]) => file);
  const changed = now.cells === note.cells ? [] : ['its cells'];
  changed.push(...files.slice(0, 3));
  if (files.length > 3) changed.push(`${files.length - 3} other files`);
  // What is new has come by a change of what imports it, so there is a name, but for a note changed by hand.
  if (changed.length === 0) changed.push('what it imports');
  return { ok: false, says: `${listed(changed)} changed since its outputs were made` };
}

/**
 * The text of a notebook with the outputs of its run. Everything but outputs and their note stays as it is in
 * `notebook`; `made` is what `madeFrom` gave for it.
 */
export function withOutputs(notebook, executed, made) {
  const outputs = executed.cells.filter((cell) => cell.cell_type === 'code');
  let code = 0;
  const cells = notebook.cells.map((cell) => {
    if (cell.cell_type !== 'code') return cell;
    const { execution_count, outputs: own } = outputs[code++];
    const { execution, ...metadata } = cell.metadata ?? {}; // execution: when it ran, another each time
    return { ...cell, metadata, execution_count, outputs: own };
  });
  const date = new Date().toISOString().slice(0, 10);
  const outputs_of = { ...made, date, machine: machine() };
  return asJupyterWrites({ ...notebook, cells, metadata: { ...notebook.metadata, outputs_of } });
}

/** Refuses a notebook that is too large to commit, naming what makes it so. */
export function checkSize(name, text, limit = LIMIT) {
  const size = Buffer.byteLength(text);
  if (size < limit) return;
  const outputs = JSON.parse(text)
    .cells.filter((cell) => cell.cell_type === 'code')
    .flatMap(({ outputs: own }, i) =>
      own.map((output) => ({
        where: `code cell ${i + 1}`,
        kind: Object.keys(output.data ?? {})[0] ?? output.name ?? output.output_type,
        size: Buffer.byteLength(asJupyterWrites(output)),
      })),
    )
    .sort((a, b) => b.size - a.size);
  const largest = outputs[0];
  throw new SetupError(
    `${name} would have ${megabytes(size)}, and the limit is ${megabytes(limit)}` +
      (largest
        ? `; its largest output is of ${largest.where}: ${largest.kind}, ${megabytes(largest.size)}`
        : ''),
  );
}

/** The processor, for a reader who compares the times in the outputs with their own. */
function machine() {
  const cpus = os.cpus();
  return `${cpus[0]?.model.trim() || os.arch()}, ${cpus.length} threads`;
}

/** As JupyterLab writes it: keys sorted, indented by one, so that saving it there changes next to nothing. */
function asJupyterWrites(value) {
  const sorted = (_, part) =>
    part && typeof part === 'object' && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part;
  return `${JSON.stringify(value, sorted, 1)}\n`;
}

/** JavaScript without comments and types. */
function plain(ts, text, options = {}) {
  return ts.transpileModule(text, {
    compilerOptions: {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.ESNext,
      removeComments: true,
      ...options,
    },
  }).outputText;
}

/** The files that a text imports by a relative path. What is not there changes nothing but the run. */
function imports(ts, text, folder) {
  return ts
    .preProcessFile(text, true, true)
    .importedFiles.filter(({ fileName }) => fileName.startsWith('.'))
    .map(({ fileName }) => path.resolve(folder, fileName))
    .map((file) => [file, `${file}.ts`, path.join(file, 'index.ts')].find(isFile))
    .filter(Boolean);
}

async function typescript() {
  try {
    return (await import('typescript')).default;
  } catch {
    throw new SetupError('TypeScript is not installed here: npm run setup');
  }
}

const isFile = (file) => fs.statSync(file, { throwIfNoEntry: false })?.isFile();
const source = (cell) => [cell.source].flat().join('');
const megabytes = (bytes) => `${(bytes / 1e6).toFixed(2)} MB`;
const listed = (names) =>
  names.length === 1 ? names[0] : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
