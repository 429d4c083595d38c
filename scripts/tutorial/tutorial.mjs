// Runs the notebooks in order and writes their pages to build/tutorial. See --help.
import { execFile, spawn } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import readline from 'node:readline';
import { promisify } from 'node:util';
import { commandLine, fail, isTerminal, UserError } from '../setup/command.mjs';
import {
  nodeModules,
  pythonEnvironment,
  read,
  readJson,
  root,
  runtimeEnvironment,
  userFolder,
} from '../setup/environment.mjs';
import { setup } from '../setup/setup.mjs';

const HELP = `Usage: npm run tutorial [-- [--profile quick|full] [--language en|zh] [--save] [--answers]
                                [NOTEBOOK…]]

Runs all notebooks, or those named, in order, each in a new kernel. Writes to build/tutorial: each notebook
with its outputs (.ipynb) and as a page that works offline (.html), index.html, and summary.json.

  --profile   quick: a few minutes on two cores (default); full: the article's five epochs
  --language  the notebooks to run without NOTEBOOK: en (default), or zh for those in notebooks/zh, which are
              written to build/tutorial/zh
  --answers   also run the code of the answers to the exercises, to check it
  --output    the folder to write to, instead of build/tutorial
  --save      also save the outputs in the notebooks themselves, if no notebook fails
  --help      show this help`;

// GitHub does not display notebooks that are much larger.
const LARGEST_NOTEBOOK = 1_000_000;

try {
  const { values, positionals } = commandLine(
    HELP,
    {
      profile: { type: 'string', default: 'quick' },
      language: { type: 'string', default: 'en' },
      output: { type: 'string' },
      save: { type: 'boolean', default: false },
      answers: { type: 'boolean', default: false },
    },
    true,
  );
  const { profile, language, save, answers } = values;
  if (!['quick', 'full'].includes(profile)) {
    throw new UserError(`profile is '${profile}', want quick or full`);
  }
  if (!['en', 'zh'].includes(language)) {
    throw new UserError(`language is '${language}', want en or zh`);
  }
  const inLanguage = language === 'zh' ? 'zh' : '.';
  const notebooks = notebooksNamed(positionals, path.join(root, 'notebooks', inLanguage));
  const output = values.output
    ? path.resolve(userFolder, values.output)
    : path.join(root, 'build', 'tutorial', inLanguage);
  await setup();
  await lockFolders(output, notebooks);
  await tutorial(output, notebooks, { profile, save, answers });
} catch (error) {
  fail(error);
}

/** The files of the named notebooks; without names, of all in `folder`. */
function notebooksNamed(names, folder) {
  const files =
    names.length > 0
      ? names.map((name) => path.resolve(userFolder, name))
      : fs
          .readdirSync(folder)
          .filter((name) => /^\d\d-.*\.ipynb$/.test(name))
          .sort()
          .map((name) => path.join(folder, name));
  const absent = files.find((file) => !fs.existsSync(file));
  if (absent) throw new UserError(`${absent}: no such notebook`);
  return files;
}

/**
 * Two tutorials at once would overwrite each other's pages, and train in the same run folder: the second one stops here.
 * Notebooks that do not use runs/ may run beside others if they write elsewhere (--output). The locks end with the process.
 */
async function lockFolders(output, notebooks) {
  const usesRuns = notebooks.some((file) => /\bruns\//.test(read(file)));
  const { lockFolder, makeFolder } = typescript('../../src/files.ts');
  const places = [[output, 'Choose another folder with --output']];
  if (usesRuns) places.push([path.join(root, 'runs'), 'Use a copy of the project of your own']);
  for (const [folder, advice] of places) {
    try {
      makeFolder(folder);
    } catch (error) {
      throw new UserError(`${error.message}. ${advice}`);
    }
    lockFolder(folder, 'runs a tutorial that writes there. Wait until it has finished');
  }
}

/** Loads a TypeScript file of the project, once the set-up has installed tsx. */
function typescript(file) {
  const require = createRequire(import.meta.url);
  require('../typescript.cjs');
  return require(file);
}

async function tutorial(output, notebooks, { profile, save, answers }) {
  // If a notebook fails, no result of an earlier run may be left.
  const pages = notebooks.map((file) => `${path.basename(file, '.ipynb')}.html`);
  for (const name of ['summary.json', ...pages])
    fs.rmSync(path.join(output, name), { force: true });
  const started = performance.now();
  const { results, failure } = await execute(notebooks, output, profile, answers);
  const succeeded = results.filter(({ ok }) => ok).map(({ name }) => name);
  const summary = {
    profile,
    seconds: Math.round((performance.now() - started) / 100) / 10,
    notebooks: results,
    ...trainingResults(succeeded),
  };
  fs.writeFileSync(path.join(output, 'summary.json'), `${JSON.stringify(summary, null, 2)}\n`);
  const isChinese = path.basename(output) === 'zh';
  if (!isChinese) await writeDrawPage(output);
  await writePages(output, succeeded);
  if (isChinese) await writePages(path.dirname(output), []); // they link to the Chinese pages now
  if (failure) throw new UserError(failure);
  const count = results.length === 1 ? '1 notebook' : `${results.length} notebooks`;
  console.log(
    `\nWritten to ${path.relative(root, output)}: ${count} (.ipynb and .html), index.html, summary.json`,
  );
  if (save) saveOutputs(notebooks, output);
  if (summary.test) {
    const { images, accuracy, loss } = summary.test;
    const percent = (100 * accuracy).toFixed(2);
    console.log(`Test set: ${images} images, accuracy ${percent}%, loss ${loss.toFixed(4)}`);
  }
  console.log('Open index.html in a browser, or step through the notebooks with npm run lab');
}

/** Runs the notebooks. `failure` says what went wrong, if anything. */
async function execute(files, output, profile, answers) {
  const flags = answers ? ['--answers'] : [];
  const args = [path.join(root, 'scripts', 'tutorial', 'execute.py'), ...flags, output, ...files];
  const child = spawn(pythonEnvironment().python, args, {
    cwd: root,
    env: { ...runtimeEnvironment(), TUTORIAL_PROFILE: profile, PYTHONWARNINGS: 'ignore' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const results = [];
  let failure;
  let errors = '';
  child.stderr.on('data', (chunk) => {
    errors = (errors + chunk).slice(-4000);
  });
  const show = await display();
  readline.createInterface({ input: child.stdout }).on('line', (line) => {
    const { event, notebook, cell, seconds, message, log, ...rest } = JSON.parse(line);
    show({ event, notebook, cell, seconds, ...rest });
    if (event === 'done' || event === 'failed') {
      results.push({ name: notebook, seconds, ok: event === 'done' });
    }
    if (event === 'failed') {
      const file = path.join(output, notebook);
      failure = `${notebook}${cell > 0 ? `, code cell ${cell}` : ''}: ${message}`;
      if (cell > 0) failure += `\n  The outputs so far: ${file}.ipynb`;
      if (log) failure += `\n  What the kernel wrote: ${file}.log`;
    }
  });
  const code = await new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  if (code !== 0) failure ??= `the notebooks could not be run: ${causeIn(errors)}`;
  return { results, failure };
}

/** The last line of a Python program's error messages, which names the error; all of them if DEBUG is set. */
function causeIn(errors) {
  const lines = errors.trim().split('\n');
  return process.env.DEBUG ? `\n${lines.join('\n')}` : `${lines.at(-1)} (DEBUG=1 shows more)`;
}

/**
 * Returns a function that shows an event of execute.py: on a terminal in one line that changes, elsewhere in a line
 * per cell and a line of progress every ten seconds.
 */
async function display() {
  const { fitted } = typescript('../../src/viz/progress.ts');
  const isTTY = isTerminal(process.stdout);
  let where = '';
  let last = 0;
  const inPlace = (text) =>
    process.stdout.write(`\r\x1b[2K${fitted(text, process.stdout.columns || Infinity)}`);
  return ({ event, notebook, cell, cells, text, seconds }) => {
    if (event === 'cell') {
      where = `  … ${notebook}  cell ${cell}/${cells}`;
      if (isTTY) inPlace(where);
      else console.log(where);
    } else if (event === 'progress') {
      const place = process.stdout.columns < 100 ? notebook.replace(/-.*/, '') : where;
      if (isTTY) inPlace(`${place}  ${text}`);
      else if (performance.now() - last > 10_000) {
        console.log(`    ${text}`);
        last = performance.now();
      }
    } else if (event === 'done' || event === 'failed') {
      if (isTTY) inPlace('');
      console.log(`  ${event === 'done' ? '✓' : '✗'} ${notebook}: ${seconds} s`);
    }
  };
}

/** What notebooks 04 and 05 wrote to their run folder. */
function trainingResults(succeeded) {
  const [config, history, steps, test] = ['config', 'history', 'steps', 'test'].map((name) =>
    readJson(path.join(root, 'runs', 'tutorial', `${name}.json`)),
  );
  if (!succeeded.includes('04-training') || !config || !history || !steps) return {};
  const train = {
    images: config.trainImages,
    epochs: history.length,
    steps: steps.length,
    seconds: history.reduce((sum, epoch) => sum + epoch.seconds, 0),
    precision: config.precision,
  };
  if (!succeeded.includes('05-prediction') || !test) return { train };
  return { train, test: { images: test.images, accuracy: test.accuracy, loss: test.loss } };
}

/** Writes the page to draw a digit on. */
async function writeDrawPage(output) {
  // Not src/draw/index.ts, which loads TensorFlow: that takes seconds, and this page needs no model.
  const { writePage } = typescript('../../src/draw/build.ts');
  await writePage(output);
}

/** Writes the pages of the named notebooks, and the index of all pages. */
async function writePages(output, names) {
  const plotly = path.join(nodeModules, 'plotly.js-cartesian-dist-min', 'plotly-cartesian.min.js');
  const args = [path.join(root, 'scripts', 'tutorial', 'page.py'), output, plotly, ...names];
  try {
    await promisify(execFile)(pythonEnvironment().python, args, { env: runtimeEnvironment() });
  } catch (error) {
    throw new UserError(
      `the pages could not be written: ${causeIn(error.stderr || error.message)}`,
    );
  }
}

/** Saves the outputs in the notebooks: in all of them, or in none if one is too large. */
function saveOutputs(notebooks, output) {
  const texts = notebooks.map((file) => {
    const notebook = JSON.parse(read(file));
    const executed = JSON.parse(read(path.join(output, path.basename(file))));
    notebook.cells.forEach((cell, i) => {
      if (cell.cell_type !== 'code') return;
      cell.outputs = executed.cells[i].outputs;
      cell.execution_count = executed.cells[i].execution_count;
    });
    const text = `${JSON.stringify(notebook, null, 1)}\n`;
    const size = Buffer.byteLength(text);
    if (size > LARGEST_NOTEBOOK) {
      const [megabytes, limit] = [size, LARGEST_NOTEBOOK].map((n) => `${(n / 1e6).toFixed(2)} MB`);
      throw new UserError(
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
