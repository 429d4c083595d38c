// npm run tutorial: runs the notebooks in order and writes their pages to build/tutorial. See --help. This file does what
// needs Node: the options, the set-up, the locks, and the page to draw on. tutorial.py does the rest.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { commandLine, fail, UserError } from '../setup/command.mjs';
import { pythonEnvironment, read, root, userFolder } from '../setup/environment.mjs';
import { launch } from '../setup/launch.mjs';
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

try {
  const { values, positionals } = commandLine(
    HELP,
    {
      profile: { type: 'string', default: 'quick' },
      language: { type: 'string', default: 'en' },
      output: { type: 'string' },
      save: { type: 'boolean' },
      answers: { type: 'boolean' },
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
  const require = createRequire(import.meta.url);
  require('../typescript.cjs');
  lockFolders(require('../../src/files.ts'), output, notebooks);
  // Not src/draw/index.ts, which loads TensorFlow: that takes seconds, and this page needs no model.
  const { writePage } = require('../../src/draw/build.ts');
  if (path.basename(output) !== 'zh') await writePage(output);

  process.env.TUTORIAL_PROFILE = profile; // the notebooks read it
  process.exitCode = await launch(pythonEnvironment().python, [
    ...['-X', 'utf8', '-W', 'ignore', path.join(root, 'scripts', 'tutorial', 'tutorial.py')],
    ...[...(save ? ['--save'] : []), ...(answers ? ['--answers'] : []), output, ...notebooks],
  ]);
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
function lockFolders({ lockFolder, makeFolder }, output, notebooks) {
  const places = [[output, 'Choose another folder with --output']];
  if (notebooks.some((file) => /\bruns\//.test(read(file))))
    places.push([path.join(root, 'runs'), 'Use a copy of the project of your own']);
  for (const [folder, advice] of places) {
    try {
      makeFolder(folder);
    } catch (error) {
      throw new UserError(`${error.message}. ${advice}`);
    }
    lockFolder(folder, 'runs a tutorial that writes there. Wait until it has finished');
  }
}
