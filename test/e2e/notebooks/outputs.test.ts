/** `npm run tutorial -- --save`: saves the outputs in the notebooks. */
import fs from 'node:fs';
import path from 'node:path';
import { command } from '../../support/command';
import { temporaryFolder } from '../../support/idx';

interface Notebook {
  cells: { source: string | string[]; outputs?: { name?: string }[] }[];
  metadata: unknown;
}

const temporary = temporaryFolder();
const output = path.join(temporary, 'output');
const fixture = (name: string) => path.join(__dirname, '../../fixtures', `${name}.ipynb`);
const text = (file: string) => fs.readFileSync(file, 'utf8');
const save = (...files: string[]) =>
  command(['scripts/tutorial.mjs', '--output', output, '--save', ...files]);
const copy = (name: string) => {
  const file = path.join(temporary, `${name}.ipynb`);
  fs.copyFileSync(fixture(name), file);
  return file;
};

test('a notebook of more than 1 MB is refused, and none is saved', async () => {
  const [small, large] = [copy('sections'), copy('large')];
  const { code, stderr } = await save(small, large);
  expect(stderr).toBe(
    'error: large.ipynb would have 1.20 MB, more than 1.00 MB: nothing was saved\n',
  );
  expect(code).toBe(1);
  expect([text(small), text(large)]).toEqual([text(fixture('sections')), text(fixture('large'))]);
}, 120_000);

test('outputs are stored, and nothing else changes', async () => {
  const file = copy('sections');
  const { code, stderr } = await save(file);
  expect([code, stderr]).toEqual([0, '']);
  const saved: Notebook = JSON.parse(text(file));
  const before: Notebook = JSON.parse(text(fixture('sections')));
  expect(saved.metadata).toEqual(before.metadata);
  expect(saved.cells.map(({ source }) => source)).toEqual(before.cells.map(({ source }) => source));
  const kinds = saved.cells.flatMap(({ outputs = [] }) => outputs.map(({ name }) => name));
  expect(kinds).toEqual([undefined, 'stdout', undefined, 'stdout']);
}, 120_000);
