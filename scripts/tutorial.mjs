// Runs the notebooks in order and collects what they made in build/tutorial. See --help.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import readline from 'node:readline';
import { parseArgs } from 'node:util';
import { pythonEnvironment, read, readJson, root, runtimeEnvironment } from './environment.mjs';
import { checkOutputs, checkSize, madeFrom, readNotebook, withOutputs } from './outputs.mjs';
import { fail, setup } from './setup.mjs';
import { SetupError } from './steps.mjs';

const HELP = `Usage: npm run tutorial [-- [--profile quick|full] [--save] [NOTEBOOK…]]
       npm run tutorial -- --check [NOTEBOOK…]

Runs every notebook (or those named) from a fresh kernel, in order, and writes to build/tutorial: each
notebook executed (.ipynb) and as a page (.html, no network needed), index.html, and summary.json.

  --profile   quick: a few minutes on two cores (default); full: the article's five epochs
  --output    another folder to write to
  --save      when all ran well, keep the outputs in the notebooks themselves
  --check     run nothing: tell whether the outputs kept in the notebooks are as new as their code, and
              exit with 1 where they are not
  --help      this text`;

const run = path.join(root, 'runs', 'tutorial');
// npm changes to the root; files that the user names are relative to where the user is.
const from = process.env.INIT_CWD ?? process.cwd();

try {
  const { values, positionals } = options();
  if (values.help) {
    console.log(HELP);
  } else if (values.check) {
    process.exitCode = await check(notebooksNamed(positionals));
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
        check: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h' },
      },
    });
    if (!['quick', 'full'].includes(parsed.values.profile)) {
      throw new Error(`profile is '${parsed.values.profile}', want quick or full`);
    }
    if (parsed.values.save && parsed.values.check) {
      throw new Error('--check runs nothing, so that there is nothing to --save');
    }
    return parsed;
  } catch (error) {
    throw new SetupError(`${error.message.split('. ')[0]}; see --help`);
  }
}

async function tutorial(profile, output, notebooks, save) {
  fs.mkdirSync(output, { recursive: true });
  fs.rmSync(path.join(output, 'summary.json'), { force: true });
  // A notebook that fails leaves no page of an earlier run.
  for (const file of notebooks)
    fs.rmSync(path.join(output, `${nameOf(file)}.html`), { force: true });
  const before = save ? await Promise.all(notebooks.map(snapshot)) : [];
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
  if (save) await saveOutputs(before, output);
  if (summary.test) {
    const { images, accuracy, loss } = summary.test;
    console.log(
      `Test set: ${images} images, accuracy ${(100 * accuracy).toFixed(2)}%, loss ${loss.toFixed(4)}`,
    );
  }
  console.log('Open index.html in a browser, or step through the notebooks: npm run lab');
  return 0;
}

/** The page to draw on, which opened as a file says how it gets a server and a model: npm run draw. */
async function drawPage(output) {
  const { register } = await import('tsx/cjs/api'); // here, because the set-up installs it
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

/** Says of each notebook whether its outputs are as new as its code. */
async function check(notebooks) {
  let code = 0;
  for (const file of notebooks) {
    const { ok, says } = await checkOutputs(readNotebook(file));
    console.log(`${ok ? '✓' : '✗'} ${nameOf(file)}: ${says}`);
    if (!ok) code = 1;
  }
  return code;
}

/** A notebook as it is before it runs, and the code that it will run. */
async function snapshot(file) {
  return { file, text: read(file), made: await madeFrom(readNotebook(file)) };
}

/** Writes the outputs into the notebooks: into all, or, where one may not have them, into none. */
async function saveOutputs(before, output) {
  const texts = [];
  for (const { file, text, made } of before) {
    const name = path.basename(file);
    const { code } = await madeFrom(readNotebook(file));
    if (read(file) !== text || code !== made.code) {
      throw new SetupError(`${name} or what it imports was changed while it ran: nothing is saved`);
    }
    const withThem = withOutputs(JSON.parse(text), readNotebook(path.join(output, name)), made);
    checkSize(name, withThem);
    texts.push([file, withThem]);
  }
  for (const [file, text] of texts) {
    fs.writeFileSync(`${file}.new`, text);
    fs.renameSync(`${file}.new`, file);
  }
  console.log(`The outputs are in ${texts.map(([file]) => path.relative(root, file)).join(', ')}`);
}

function nameOf(file) {
  return path.basename(file, '.ipynb');
}

/** What the notebooks 03 and 04 left in their run folder. */
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

/** Resolves to what failed, as a sentence, or to undefined. */
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
        failure += `\n  The notebook as far as it came: ${path.join(output, `${event.notebook}.ipynb`)}`;
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

/** Writes what ran well as pages, and the index of all pages that are there. */
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

/** One line that changes on a terminal; in a log a line a cell, and a progress line now and then. */
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
