// Runs the notebooks in order and collects what they made in build/tutorial. See --help.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import readline from 'node:readline';
import { parseArgs } from 'node:util';
import { pythonEnvironment, read, readJson, root, runtimeEnvironment } from './environment.mjs';
import { fail, setup } from './setup.mjs';
import { SetupError } from './steps.mjs';

const HELP = `Usage: npm run tutorial [-- [--profile quick|full] [--save] [NOTEBOOK…]]

Runs every notebook (or those named) from a fresh kernel, in order, and writes to build/tutorial: each
notebook executed (.ipynb) and as a page (.html, works offline), index.html, and summary.json.

  --profile   quick: a few minutes on two cores (default); full: the article's five epochs
  --output    another folder to write to
  --save      if all notebooks ran well, store the outputs in the notebooks themselves
  --help      this text`;

// GitHub does not show much larger notebooks.
const LARGEST_NOTEBOOK = 1_000_000;
const run = path.join(root, 'runs', 'tutorial');
// npm changes to the root; paths that the user gives are relative to where the user is.
const from = process.env.INIT_CWD ?? process.cwd();

try {
  const { values, positionals } = options();
  if (values.help) {
    console.log(HELP);
  } else {
    await setup();
    process.exitCode = await tutorial(
      values.profile,
      path.resolve(from, values.output),
      notebooksNamed(positionals),
      values.save,
    );
  }
} catch (error) {
  fail(error);
}

function options() {
  try {
    const parsed = parseArgs({
      allowPositionals: true,
      options: {
        profile: { type: 'string', default: 'quick' },
        output: { type: 'string', default: path.join(root, 'build', 'tutorial') },
        save: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h' },
      },
    });
    if (!['quick', 'full'].includes(parsed.values.profile)) {
      throw new Error(`profile is '${parsed.values.profile}', want quick or full`);
    }
    return parsed;
  } catch (error) {
    throw new SetupError(`${error.message.split('. ')[0]}; see --help`);
  }
}

async function tutorial(profile, output, notebooks, save) {
  fs.mkdirSync(output, { recursive: true });
  fs.rmSync(path.join(output, 'summary.json'), { force: true });
  // A notebook that fails must not leave the page of an earlier run.
  for (const file of notebooks)
    fs.rmSync(path.join(output, `${nameOf(file)}.html`), { force: true });
  const started = performance.now();
  const results = [];
  const failure = await execute(notebooks, output, profile, (event) => {
    if (event.event === 'done' || event.event === 'failed') {
      results.push({ name: event.notebook, seconds: event.seconds, ok: event.event === 'done' });
    }
  });
  const summary = {
    profile,
    seconds: Math.round((performance.now() - started) / 100) / 10,
    notebooks: results,
    ...figures((name) => results.some((result) => result.name === name && result.ok)),
  };
  fs.writeFileSync(path.join(output, 'summary.json'), `${JSON.stringify(summary, null, 2)}\n`);
  await drawPage(output);
  await pages(output, results);
  if (failure) {
    process.stderr.write(`error: ${failure}\n`);
    return 1;
  }
  console.log(
    `\n${path.relative(root, output)}: ${results.length} notebooks, as .ipynb and .html, index.html and summary.json`,
  );
  if (save) saveOutputs(notebooks, output);
  if (summary.test) {
    const { images, accuracy, loss } = summary.test;
    console.log(
      `Test set: ${images} images, accuracy ${(100 * accuracy).toFixed(2)}%, loss ${loss.toFixed(4)}`,
    );
  }
  console.log('Open index.html in a browser, or step through the notebooks: npm run lab');
  return 0;
}

/** The page to draw on. Opened as a file, it says how to serve it: npm run draw. */
async function drawPage(output) {
  const { register } = await import('tsx/cjs/api'); // not at the top: the set-up installs it
  register();
  await createRequire(import.meta.url)('../src/draw/build.ts').writePage(output);
}

function allNotebooks() {
  const folder = path.join(root, 'notebooks');
  return fs
    .readdirSync(folder)
    .filter((name) => /^\d\d-.*\.ipynb$/.test(name))
    .sort()
    .map((name) => path.join(folder, name));
}

function notebooksNamed(named) {
  const notebooks =
    named.length > 0 ? named.map((file) => path.resolve(from, file)) : allNotebooks();
  const absent = notebooks.find((file) => !fs.existsSync(file));
  if (absent) throw new SetupError(`${absent}: no such notebook`);
  return notebooks;
}

/** Stores the outputs in the notebooks: in all of them, or in none if one is too large. */
function saveOutputs(notebooks, output) {
  const texts = notebooks.map((file) => {
    const notebook = JSON.parse(read(file));
    const executed = JSON.parse(read(path.join(output, path.basename(file))));
    notebook.cells.forEach((cell, i) => {
      if (cell.cell_type !== 'code') return;
      const { outputs, execution_count } = executed.cells[i];
      Object.assign(cell, { outputs, execution_count });
    });
    const text = `${JSON.stringify(sorted(notebook), null, 1)}\n`;
    const size = Buffer.byteLength(text);
    if (size > LARGEST_NOTEBOOK) {
      const [megabytes, limit] = [size, LARGEST_NOTEBOOK].map((n) => `${(n / 1e6).toFixed(2)} MB`);
      throw new SetupError(
        `${path.basename(file)} would have ${megabytes}, more than ${limit}: nothing was saved`,
      );
    }
    return [file, text];
  });
  for (const [file, text] of texts) {
    fs.writeFileSync(`${file}.new`, text);
    fs.renameSync(`${file}.new`, file);
  }
  console.log(`Outputs saved in ${notebooks.map((file) => path.relative(root, file)).join(', ')}`);
}

/** The same value with its keys in order, as JupyterLab writes them. */
function sorted(value) {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  const keys = Object.keys(value).sort();
  return Object.fromEntries(keys.map((key) => [key, sorted(value[key])]));
}

function nameOf(file) {
  return path.basename(file, '.ipynb');
}

/** What notebooks 03 and 04 wrote to their run folder. */
function figures(ran) {
  const config = readJson(path.join(run, 'config.json'));
  const history = readJson(path.join(run, 'history.json'));
  const steps = readJson(path.join(run, 'steps.json'));
  const test = readJson(path.join(run, 'test.json'));
  if (!ran('03-train') || !config || !history || !steps) return {};
  return {
    train: {
      images: config.trainImages,
      epochs: history.length,
      steps: steps.length,
      seconds: history.reduce((sum, epoch) => sum + epoch.seconds, 0),
      precision: config.precision,
    },
    ...(ran('04-predict') && test
      ? { test: { images: test.images, accuracy: test.accuracy, loss: test.loss } }
      : {}),
  };
}

/** Resolves to a sentence about what failed, or to undefined. */
function execute(files, output, profile, onEvent) {
  const args = [path.join(root, 'scripts', 'execute.py'), output, ...files];
  const child = spawn(pythonEnvironment().python, args, {
    cwd: root,
    env: { ...runtimeEnvironment(), TUTORIAL_PROFILE: profile, PYTHONWARNINGS: 'ignore' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let failure;
  let errors = '';
  const show = display();
  child.stderr.on('data', (chunk) => {
    errors = (errors + chunk).slice(-4000);
  });
  readline.createInterface({ input: child.stdout }).on('line', (line) => {
    const event = JSON.parse(line);
    show(event);
    onEvent(event);
    if (event.event === 'failed') {
      const cell = event.cell > 0 ? `, code cell ${event.cell}` : '';
      failure = `${event.notebook}${cell}: ${event.message}`;
      if (event.cell > 0)
        failure += `\n  The notebook up to there: ${path.join(output, `${event.notebook}.ipynb`)}`;
    }
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      resolve(
        failure ?? (code === 0 ? undefined : `the notebooks could not be run:\n${errors.trim()}`),
      );
    });
  });
}

/** Writes the pages of the notebooks that ran well, and the index of all pages. */
async function pages(output, results) {
  const plotly = path.join(root, 'node_modules', 'plotly.js-dist', 'plotly.js');
  const names = results.filter(({ ok }) => ok).map(({ name }) => name);
  const args = [path.join(root, 'scripts', 'page.py'), output, plotly, ...names];
  const child = spawn(pythonEnvironment().python, args, { stdio: ['ignore', 'inherit', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (chunk) => {
    errors += chunk;
  });
  const code = await new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  if (code !== 0) throw new SetupError(`the pages could not be written:\n${errors.trim()}`);
}

/** On a terminal one line that changes; in a log one line per cell, and now and then a line of progress. */
function display() {
  const terminal = process.stdout.isTTY;
  let where = '';
  let last = 0;
  const inPlace = (text) =>
    process.stdout.write(`\r\x1b[2K${text.slice(0, process.stdout.columns)}`);
  return ({ event, notebook, cell, cells, text, seconds }) => {
    if (event === 'cell') {
      where = `${notebook}  cell ${cell}/${cells}`;
      if (terminal) inPlace(`  … ${where}`);
      else console.log(`  … ${where}`);
    } else if (event === 'progress') {
      if (terminal) inPlace(`  … ${where}  ${text}`);
      else if (performance.now() - last > 10_000) {
        console.log(`    ${text}`);
        last = performance.now();
      }
    } else if (event === 'done' || event === 'failed') {
      if (terminal) inPlace('');
      console.log(`  ${event === 'done' ? '✓' : '✗'} ${notebook}: ${seconds} s`);
    }
  };
}
