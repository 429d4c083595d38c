import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { command, root } from '../../support/command';
import { temporaryFolder } from '../../support/idx';

const temporary = temporaryFolder();
const fixture = (name: string) => path.join(__dirname, '../../fixtures', `${name}.ipynb`);
const tutorial = (output: string, ...names: string[]) =>
  command([
    'scripts/tutorial.mjs',
    '--output',
    path.join(temporary, output),
    ...names.map(fixture),
  ]);
const read = (...parts: string[]) => fs.readFileSync(path.join(temporary, ...parts), 'utf8');

interface Output {
  output_type: string;
  name?: string;
  text?: string | string[];
  data?: Record<string, unknown>;
}

test('a notebook runs through the real kernel, into an .ipynb, a page and a summary', async () => {
  const { code, stdout, stderr } = await tutorial('good', 'small');
  expect(stderr).toBe('');
  expect(code).toBe(0);
  expect(stdout).toMatch(/… small {2}cell 4\/4/);
  expect(stdout).toMatch(/✓ small: [\d.]+ s/);

  const summary = JSON.parse(read('good', 'summary.json'));
  expect(summary).toMatchObject({ profile: 'quick', notebooks: [{ name: 'small', ok: true }] });
  expect(summary.test).toBeUndefined(); // notebook 04 was not run

  const cells: { outputs?: Output[] }[] = JSON.parse(read('good', 'small.ipynb')).cells;
  const outputs = cells.flatMap((cell) => cell.outputs ?? []);
  expect(outputs.some((output) => output.name === 'stderr')).toBe(false);
  const kinds = outputs.flatMap((output) => Object.keys(output.data ?? {}));
  for (const kind of ['application/vnd.plotly.v1+json', 'image/png', 'text/html'])
    expect(kinds).toContain(kind);
  const printed = outputs.map((output) => [output.text ?? ''].flat().join('')).join('');
  expect(Number(printed.match(/accuracy ([\d.]+)/)?.[1])).toBeGreaterThan(0.8);
}, 120_000);

test.each([
  ['broken', /^error: broken, code cell 2: InputError: no\/such\/folder: no such folder$/m],
  [
    'mistyped',
    /^error: mistyped, code cell 2: .*Type 'number' is not assignable to type 'string'/m,
  ],
])(
  'a %s notebook fails, naming the cell and the error',
  async (name, message) => {
    const { code, stdout, stderr } = await tutorial(name, name, 'small');
    expect(code).toBe(1);
    expect(stderr).toMatch(message);
    expect(stdout).toMatch(new RegExp(`✗ ${name}`));
    expect(stdout).not.toMatch(/small/); // it stops there
    expect(JSON.parse(read(name, 'summary.json')).notebooks).toMatchObject([{ name, ok: false }]);
    expect(fs.existsSync(path.join(temporary, name, `${name}.ipynb`))).toBe(true);
    expect(fs.existsSync(path.join(temporary, name, `${name}.html`))).toBe(false);
  },
  120_000,
);

test('the stop button ends a training after its step, and the cell run again goes on from there', async () => {
  const find =
    "import('./scripts/environment.mjs').then((m) => console.log(m.pythonEnvironment().python))";
  const python = (await command(['--eval', find])).stdout.trim();
  const script = path.join(__dirname, '../../support/interrupt.py');
  const run = path.join(temporary, 'run');
  const { stdout } = spawnSync(python, [script, path.join(root, 'notebooks'), run], {
    encoding: 'utf8',
  });
  const [first, said, second] = stdout.trim().split('\n');
  const { interrupted, steps } = JSON.parse(first);
  expect(interrupted).toBe(true);
  expect(steps).toBeGreaterThan(0);
  expect(said).toMatch(`run after step ${steps}, in epoch 1`);
  expect(JSON.parse(second).interrupted).toBe(true);
  expect(JSON.parse(second).steps).toBeGreaterThan(steps);
}, 120_000);

test('a file that is no notebook is a plain error', async () => {
  const file = path.join(temporary, 'text.ipynb');
  fs.writeFileSync(file, 'no notebook');
  const { code, stderr } = await command([
    'scripts/tutorial.mjs',
    '--output',
    path.join(temporary, 'none'),
    file,
  ]);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^error: text: not a notebook: /);
  expect(stderr.trim().split('\n').length).toBe(1);
});

test('unknown options, profiles and notebooks are plain errors', async () => {
  const results = await Promise.all([
    command(['scripts/tutorial.mjs', '--fast']),
    command(['scripts/tutorial.mjs', '--profile', 'slow']),
    command(['scripts/tutorial.mjs', 'nowhere.ipynb']),
  ]);
  const messages = [
    /Unknown option '--fast'/,
    /profile is 'slow', want quick or full/,
    /nowhere.ipynb: no such notebook/,
  ];
  results.forEach(({ code, stderr }, i) => {
    expect(code).toBe(1);
    expect(stderr).toMatch(messages[i]);
    expect(stderr.trim().split('\n').length).toBe(1);
  });
});

test('every notebook is valid: a heading with the Chinese title, the kernel, no outputs left half-way', () => {
  const folder = path.resolve(__dirname, '../../../notebooks');
  const names = fs.readdirSync(folder).filter((name) => name.endsWith('.ipynb'));
  expect(names).toEqual([
    '01-network.ipynb',
    '02-data.ipynb',
    '03-train.ipynb',
    '04-predict.ipynb',
    '05-visualise.ipynb',
    '06-go-further.ipynb',
  ]);
  for (const name of names) {
    const notebook = JSON.parse(fs.readFileSync(path.join(folder, name), 'utf8'));
    expect(notebook.metadata.kernelspec.name).toBe('tslab');
    expect([notebook.cells[0].source].flat().join('')).toMatch(/^# \d\. .*\(.*[\u4e00-\u9fff].*\)/);
  }
});
