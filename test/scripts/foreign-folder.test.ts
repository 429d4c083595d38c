/** No file in the folder that a program is started from, or that a notebook lies in, decides what code runs. */
import fs from 'node:fs';
import path from 'node:path';
import { inParallel, type Result, root, start } from '../support/command';
import { folderOf, temporaryFolder } from '../support/idx';

const temporary = temporaryFolder();
/** Where code that must not run leaves its name. */
const marker = path.join(temporary, 'ran');
const evil = (name: string) =>
  `require('node:fs').appendFileSync(${JSON.stringify(marker)}, '${name}\\n');`;
const evilPython = `open(${JSON.stringify(marker)}, "a").write(__file__ + "\\n")\n`;

const aliases = ['commander', '@tensorflow/*', 'tslab', 'fflate', 'esbuild', './src/*', '*'];
const modules = ['json', 'jupyterlab', 'nbformat', 'nbconvert', 'venv', 'sitecustomize'];
const configurations = ['jupyter_config', 'jupyter_server_config', 'jupyter_lab_config'];
const cell = {
  ...{ cell_type: 'code', id: 'one', metadata: {}, execution_count: null, outputs: [] },
  source: "import { InputError } from './src/errors';\nnew InputError('one').message",
};
const folder = folderOf(temporary, 'downloaded', {
  'tsconfig.json': '{"extends": "./base.json"}',
  'base.json': JSON.stringify({
    compilerOptions: { paths: Object.fromEntries(aliases.map((name) => [name, ['./evil.ts']])) },
  }),
  'evil.ts': evil('tsconfig.json'),
  'package.json': '{"type": "module", "scripts": {"predict": "exit 3"}}',
  '.npmrc': 'script-shell=/none\n',
  'node_modules/commander/index.js': evil('node_modules'),
  ...Object.fromEntries([...modules, ...configurations].map((name) => [`${name}.py`, evilPython])),
  'one.ipynb': JSON.stringify({ cells: [cell], metadata: {}, nbformat: 4, nbformat_minor: 5 }),
});
const below = path.join(folder, 'below');
fs.mkdirSync(below);

/** Starts `node ARGS…` in `cwd`. The paths in ARGS are relative to the project's root. */
function node(cwd: string, script: string, ...args: string[]): Promise<Result> {
  const env = { ...process.env, INIT_CWD: cwd };
  return start(process.execPath, [path.join(root, script), ...args], { cwd, env });
}

test('programs started from a downloaded folder run none of its code', async () => {
  const run = ['scripts/run.mjs', 'train'] as const;
  const small = '--train-images 32 --validation-images 8 --batch-size 16 --epochs 1';
  const workers = `--workers 2 --network lenet5 ${small} --run ${temporary}/run`.split(' ');
  const findPython = `import(${JSON.stringify(path.join(root, 'scripts/setup/machine.mjs'))})
    .then(({ findPython }) => console.log(findPython('2.21.0')));`;
  const notebook = ['one.ipynb', '--output', `${temporary}/pages`];
  const help = ['run', '--prefix', root, 'predict', '--', '--help'];
  const programs: [string, () => Promise<Result>, RegExp][] = [
    ['workers', () => node(folder, ...run, ...workers), /^weights sha256: /m],
    ['notebook', () => node(folder, 'scripts/tutorial/tutorial.mjs', ...notebook), /✓ one: /],
    ['command', () => node(below, ...run, '--help'), /^Usage: /],
    ['npm', () => start('npm', help, { cwd: folder }), /^Usage: /m],
    ['set-up', () => node(folder, 'scripts/setup/setup.mjs'), /^Ready: nothing to do\./],
    ['Python', () => start(process.execPath, ['--eval', findPython], { cwd: folder }), /python/],
    ['doctor', () => node(folder, 'scripts/setup/doctor.mjs'), /^✓ TensorFlow {2}/m],
    ['lab', () => node(folder, 'scripts/tutorial/lab.mjs', '--version'), /^4\./],
  ];
  const results = await inParallel(programs, async ([name, begin, output]) => {
    const { code, stdout, stderr } = await begin();
    return [name, code, output.test(stdout) ? 'as wanted' : stdout + stderr];
  });
  const ran = fs.existsSync(marker) ? fs.readFileSync(marker, 'utf8') : '';
  const wanted = programs.map(([name]) => [name, 0, 'as wanted']);
  expect({ ran, results }).toEqual({ ran: '', results: wanted });
});
