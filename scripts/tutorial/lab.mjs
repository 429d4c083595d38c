// npm run lab [-- [--language en|zh] JUPYTERLAB OPTIONS]: opens the notebooks in JupyterLab, on this machine only, with
// a token.
import { fail, UserError } from '../setup/command.mjs';
import { pythonEnvironment } from '../setup/environment.mjs';
import { launch } from '../setup/launch.mjs';
import { setup } from '../setup/setup.mjs';

const options = process.argv.slice(2);
const at = options.indexOf('--language');
const [, language = 'en'] = at < 0 ? [] : options.splice(at, 2);
// JupyterLab refuses an option that is given twice, so the user's replace ours.
const isGiven = (names) => options.some((option) => new RegExp(`^--(${names})(=|$)`).test(option));
const defaults = [
  ['(ServerApp\\.)?ip', '--ServerApp.ip=127.0.0.1'],
  [
    'notebook-dir|ServerApp\\.(notebook|root)_dir|(LabApp|ServerApp)\\.default_url',
    `--LabApp.default_url=/lab/tree/notebooks/${language === 'zh' ? 'zh/' : ''}00-start.ipynb`,
  ],
  ['allow-root', process.getuid?.() === 0 ? '--allow-root' : ''],
];

try {
  if (!['en', 'zh'].includes(language)) {
    throw new UserError(`language is '${language}', want en or zh`);
  }
  await setup();
  const ours = defaults.filter(([names, option]) => option && !isGiven(names));
  process.exitCode = await launch(pythonEnvironment().python, [
    ...['-m', 'jupyterlab', ...ours.map(([, option]) => option), ...options],
  ]);
} catch (error) {
  fail(error);
}
