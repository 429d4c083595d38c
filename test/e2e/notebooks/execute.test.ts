import fs from 'node:fs';
import path from 'node:path';
import { command, python, root } from '../../support/command';
import { temporaryFolder } from '../../support/idx';

const temporary = temporaryFolder();
const fixture = (name: string) => path.join(__dirname, '../../fixtures', `${name}.ipynb`);
const copy = (name: string) => {
  const file = path.join(temporary, `${name}.ipynb`);
  fs.copyFileSync(fixture(name), file);
  return file;
};
const tutorial = (output: string, ...names: string[]) =>
  command([
    'scripts/tutorial.mjs',
    ...['--save', '--output', path.join(temporary, output)],
    ...names.map(copy),
  ]);
const files = (folder: string) => fs.readdirSync(path.join(temporary, folder));
const read = (...parts: string[]) => fs.readFileSync(path.join(temporary, ...parts), 'utf8');

interface Output {
  output_type: string;
  name?: string;
  text?: string | string[];
  data?: Record<string, unknown>;
}

test('notebooks run in the real kernel and become .ipynb, page and summary, until one fails', async () => {
  const { code, stdout, stderr } = await tutorial('run', 'small', 'broken', 'sections');
  expect(stdout).toMatch(/… small {2}cell 4\/4/);
  expect(stdout).toMatch(/✓ small: [\d.]+ s/);
  expect(stdout).toMatch(/✗ broken/);
  expect(stdout).not.toMatch(/sections/);
  expect(stderr).toMatch(
    /^error: broken, code cell 2: InputError: no\/such\/folder: no such folder$/m,
  );
  expect(code).toBe(1);
  expect(files('run')).toEqual(
    expect.arrayContaining(['small.ipynb', 'small.html', 'index.html', 'broken.ipynb']),
  );
  expect(files('run')).not.toContain('broken.html');
  // With --save: a failure saves nothing.
  expect(read('small.ipynb')).toBe(fs.readFileSync(fixture('small'), 'utf8'));

  const summary = JSON.parse(read('run', 'summary.json'));
  expect(summary).toMatchObject({
    profile: 'quick',
    notebooks: [
      { name: 'small', ok: true },
      { name: 'broken', ok: false },
    ],
  });
  expect(summary.test).toBeUndefined(); // only notebook 04 measures it

  const cells: { outputs?: Output[] }[] = JSON.parse(read('run', 'small.ipynb')).cells;
  const outputs = cells.flatMap((cell) => cell.outputs ?? []);
  expect(outputs.some((output) => output.name === 'stderr')).toBe(false);
  const kinds = outputs.flatMap((output) => Object.keys(output.data ?? {}));
  for (const kind of ['application/vnd.plotly.v1+json', 'image/png', 'text/html'])
    expect(kinds).toContain(kind);
  const printed = outputs.map((output) => [output.text ?? ''].flat().join('')).join('');
  expect(Number(printed.match(/accuracy ([\d.]+)/)?.[1])).toBeGreaterThan(0.8);
}, 120_000);

test('a type error fails its cell', async () => {
  const { code, stderr } = await tutorial('mistyped', 'mistyped');
  expect(code).toBe(1);
  expect(stderr).toMatch(
    /^error: mistyped, code cell 2: .*Type 'number' is not assignable to type 'string'/m,
  );
}, 120_000);

test('the stop button ends training after the current step, running the cell again continues it, and old models are freed', async () => {
  const script = path.join(__dirname, '../../support/interrupt.py');
  const run = path.join(temporary, 'run-folder');
  const { code, stdout } = await python(script, path.join(root, 'notebooks'), run);
  expect(code).toBe(0);
  const [first, said, second, ...memory] = stdout.trim().split('\n');
  const { interrupted, steps } = JSON.parse(first);
  expect(interrupted).toBe(true);
  expect(steps).toBeGreaterThan(0);
  expect(said).toMatch(`Continuing ${run} after step ${steps}, in epoch `);
  expect(JSON.parse(second).interrupted).toBe(true);
  expect(JSON.parse(second).steps).toBeGreaterThan(steps);

  // The real network takes 228 MB. The cell keeps its model, and the previous one until it has run again.
  const [, two, , four] = memory.map((line) => JSON.parse(line));
  expect(four.tensors).toBe(two.tensors);
  expect(four.bytes - two.bytes).toBeLessThan(100e6);
}, 120_000);

test('a file that is not a notebook is a one-line error', async () => {
  const file = path.join(temporary, 'text.ipynb');
  fs.writeFileSync(file, 'just text');
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

test('unknown options, profiles and notebooks are one-line errors', async () => {
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

test('every notebook names the kernel and starts with a heading and its Chinese title', () => {
  const folder = path.join(root, 'notebooks');
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
