/** The outputs that the notebooks carry: what they were made from, and how they get there. */
import fs from 'node:fs';
import path from 'node:path';
import { command, expectOneLineError, root } from '../support/command';
import { folderOf, temporaryFolder } from '../support/idx';

interface Notebook {
  cells: { cell_type: string; source: string | string[]; outputs?: unknown[] }[];
  metadata: { outputs_of?: { code: string; date: string; machine: string }; kernelspec: unknown };
}

const temporary = temporaryFolder();
const readNotebook = (file: string): Notebook => JSON.parse(fs.readFileSync(file, 'utf8'));
const today = /^\d{4}-\d\d-\d\d$/;

describe('whether outputs are as new as their code', () => {
  // A project of its own, whose modules may be changed.
  const project = folderOf(temporary, 'project', {
    'src/index.ts': "export { double } from './deep/double';\nimport type { N } from './types';\n",
    'src/deep/double.ts':
      'import { two } from "../two";\nexport const double = (x: number) => two * x;\n',
    'src/two.ts': 'export const two = 2;\n',
    'src/types.ts': 'export type N = number;\n',
    'src/other.ts': 'export const other = 1;\n',
  });
  fs.cpSync(path.join(root, 'scripts'), path.join(project, 'scripts'), { recursive: true });
  fs.symlinkSync(path.join(root, 'node_modules'), path.join(project, 'node_modules'));
  const file = path.join(project, 'notebooks', '01-lesson.ipynb');
  const at = (name: string) => path.join(project, name);
  const modules = ['src/index.ts', 'src/deep/double.ts', 'src/two.ts', 'src/types.ts'];
  const texts = new Map(modules.map((name) => [name, fs.readFileSync(at(name), 'utf8')]));
  let saved: Notebook;

  const check = () => command([at('scripts/tutorial.mjs'), '--check', file]);
  const write = (notebook: unknown) => fs.writeFileSync(file, JSON.stringify(notebook));
  const edit = (name: string, from: string, to: string) => {
    const text = fs.readFileSync(at(name), 'utf8');
    expect(text).toContain(from);
    fs.writeFileSync(at(name), text.replace(from, to));
  };

  beforeAll(async () => {
    const output = { output_type: 'stream', name: 'stdout', text: ['4\n'] };
    const code = (source: string) => ({ cell_type: 'code', metadata: {}, source, outputs: [] });
    const bare = {
      cells: [
        { cell_type: 'markdown', metadata: {}, source: '# A lesson' },
        code("import { double } from './src/index';"),
        code('console.log(double(2));'),
      ],
      metadata: {},
    };
    const [title, first, second] = bare.cells;
    const executed = { ...bare, cells: [title, first, { ...second, outputs: [output] }] };
    fs.mkdirSync(path.dirname(file));
    const script = `
      import { madeFrom, withOutputs } from './scripts/outputs.mjs';
      const [bare, executed] = ${JSON.stringify([bare, executed])};
      process.stdout.write(withOutputs(bare, executed, await madeFrom(bare)));`;
    fs.writeFileSync(at('note.mjs'), script);
    const { stdout, stderr } = await command([at('note.mjs')]);
    expect(stderr).toBe('');
    saved = JSON.parse(stdout);
  });
  beforeEach(() => {
    write(saved);
    for (const [name, text] of texts) fs.writeFileSync(at(name), text);
  });

  test('nothing changed', async () => {
    const { code, stdout, stderr } = await check();
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^✓ 01-lesson: outputs of \d{4}-\d\d-\d\d\n$/);
    expect(code).toBe(0);
  });

  test('comments, types, text and what is not imported make no difference', async () => {
    edit('src/deep/double.ts', 'export', '/** Twice as much. */\nexport');
    edit('src/two.ts', 'two = 2;', 'two: number = 2; // the only even prime');
    edit('src/types.ts', 'number', 'bigint');
    edit('src/other.ts', '1', '2');
    const notebook = structuredClone(saved);
    notebook.cells[0].source = '# Another title';
    notebook.cells[2].source = '// Four.\nconsole.log(double(2));';
    write(notebook);
    expect(await check()).toMatchObject({ code: 0, stderr: '' });
  });

  test('a cell', async () => {
    const notebook = structuredClone(saved);
    notebook.cells[2].source = 'console.log(double(3));';
    write(notebook);
    const { code, stdout } = await check();
    expect(stdout).toBe('✗ 01-lesson: its cells changed since its outputs were made\n');
    expect(code).toBe(1);
  });

  test('modules that are imported through others', async () => {
    edit('src/two.ts', '2', '3');
    expect((await check()).stdout).toBe(
      '✗ 01-lesson: src/two.ts changed since its outputs were made\n',
    );
    edit('src/deep/double.ts', 'two * x', 'x * two');
    const { code, stdout } = await check();
    expect(stdout).toBe(
      '✗ 01-lesson: src/deep/double.ts and src/two.ts changed since its outputs were made\n',
    );
    expect(code).toBe(1);
  });

  test('a module that is gone', async () => {
    fs.rmSync(at('src/two.ts'));
    expect((await check()).stdout).toMatch('✗ 01-lesson: src/two.ts changed since');
  });

  test('no outputs, or outputs of another origin', async () => {
    const bare = structuredClone(saved);
    for (const cell of bare.cells) cell.outputs &&= [];
    write(bare);
    expect(await check()).toMatchObject({ code: 1, stdout: '✗ 01-lesson: no outputs\n' });
    const other = structuredClone(saved);
    delete other.metadata.outputs_of;
    write(other);
    expect((await check()).stdout).toBe(
      '✗ 01-lesson: its outputs are not from npm run tutorial -- --save\n',
    );
  });

  test('a notebook that is none, and --check with --save, are plain errors', async () => {
    fs.writeFileSync(file, '{}');
    expectOneLineError(await check(), /^error: 01-lesson.ipynb: not a notebook: /);
    expectOneLineError(
      await command([at('scripts/tutorial.mjs'), '--check', '--save']),
      /^error: --check runs nothing/,
    );
  });
});

describe('saving outputs', () => {
  const fixture = (name: string) => path.join(__dirname, '../fixtures', `${name}.ipynb`);
  const output = path.join(temporary, 'output');
  const save = (...files: string[]) =>
    command(['scripts/tutorial.mjs', '--output', output, '--save', ...files]);
  const copy = (name: string) => {
    const file = path.join(temporary, `${name}.ipynb`);
    fs.copyFileSync(fixture(name), file);
    return file;
  };

  test('keeps all else as it was, and a second run gives the same', async () => {
    const file = copy('sections');
    const { code, stderr } = await save(file);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    const saved = readNotebook(file);
    const { outputs_of, ...metadata } = saved.metadata;
    const bare = readNotebook(fixture('sections'));
    expect(metadata).toEqual(bare.metadata);
    expect(saved.cells.map(({ source }) => source)).toEqual(bare.cells.map(({ source }) => source));
    expect(
      saved.cells.map((cell) => cell.outputs?.map((o) => (o as { name: string }).name)),
    ).toEqual([
      undefined,
      [],
      undefined,
      [undefined, 'stdout'],
      undefined,
      [undefined, 'stdout'],
      undefined,
    ]);
    expect(outputs_of?.date).toMatch(today);
    expect(outputs_of?.code).toMatch(/^[0-9a-f]{64}$/);
    expect(outputs_of?.machine).toMatch(/\w/);
    expect((await command(['scripts/tutorial.mjs', '--check', file])).code).toBe(0);

    const executed = fs.readFileSync(path.join(output, 'sections.ipynb'), 'utf8');
    const text = fs.readFileSync(file, 'utf8');
    expect((await save(file)).code).toBe(0);
    expect(fs.readFileSync(path.join(output, 'sections.ipynb'), 'utf8')).toBe(executed);
    expect(fs.readFileSync(file, 'utf8')).toBe(text);
  }, 180_000);

  test('refuses a notebook of more than 1 MB, naming its largest output', async () => {
    const file = copy('large');
    const { code, stderr } = await save(file);
    expect(stderr).toBe(
      'error: large.ipynb would have 1.20 MB, and the limit is 1.00 MB; its largest output is of code cell 1: stdout, 1.20 MB\n',
    );
    expect(code).toBe(1);
    expect(fs.readFileSync(file, 'utf8')).toBe(fs.readFileSync(fixture('large'), 'utf8'));
  }, 120_000);

  test('saves nothing where a notebook fails', async () => {
    const good = copy('sections');
    const { code, stderr } = await save(good, copy('broken'));
    expect(stderr).toMatch(/^error: broken, code cell 2: /);
    expect(code).toBe(1);
    expect(fs.readFileSync(good, 'utf8')).toBe(fs.readFileSync(fixture('sections'), 'utf8'));
    expect(fs.existsSync(path.join(output, 'broken.html'))).toBe(false);
  }, 180_000);
});
