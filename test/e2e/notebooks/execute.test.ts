/** Notebooks that fail, and the stop button. (pages.test.ts runs notebooks that succeed.) */
import fs from 'node:fs';
import path from 'node:path';
import { localised } from '../../../src/viz/index';
import { command, expectOneLineError, inParallel, root } from '../../support/command';
import { folderOf, temporaryFolder } from '../../support/idx';
import { requireLoopback } from '../../support/loopback';

requireLoopback();
const temporary = temporaryFolder();
const text = (...parts: string[]) => fs.readFileSync(path.join(temporary, ...parts), 'utf8');
const tutorial = (...args: string[]) =>
  command(['scripts/tutorial/tutorial.mjs', '--output', path.join(temporary, 'output'), ...args]);

/** Writes a notebook of code cells and returns its file. */
function notebook(name: string, ...sources: string[]): string {
  const file = path.join(temporary, `${name}.ipynb`);
  const cells = sources.map((source, i) => ({
    ...{ cell_type: 'code', id: `c${i}`, metadata: {} },
    ...{ execution_count: null, outputs: [], source },
  }));
  const metadata = {
    kernelspec: { display_name: 'TypeScript (tslab)', language: 'typescript', name: 'tslab' },
  };
  fs.writeFileSync(file, JSON.stringify({ cells, metadata, nbformat: 4, nbformat_minor: 5 }));
  return file;
}

const good = notebook('good', "console.log('fine')");

test('the first error ends the tutorial; its cell is named, and with --save no notebook is saved', async () => {
  const before = text('good.ipynb');
  const broken = notebook(
    'broken',
    "import { InputError } from './src/errors';",
    "throw new InputError('no/such/folder: no such folder');",
    "console.log('never reached');",
  );
  const { code, stdout, stderr } = await tutorial('--save', good, broken, notebook('third', '3'));
  expect(stdout).toMatch(/… good {2}cell 1\/1/);
  expect(stdout).toMatch(/✓ good: [\d.]+ s/);
  expect(stdout).toMatch(/✗ broken/);
  expect(stdout).not.toMatch(/third/);
  expect(stderr).toMatch(
    /^error: broken, code cell 2: InputError: no\/such\/folder: no such folder$/m,
  );
  expect(code).toBe(1);
  const files = fs.readdirSync(path.join(temporary, 'output'));
  expect(files).toEqual(
    expect.arrayContaining(['good.ipynb', 'good.html', 'index.html', 'broken.ipynb']),
  );
  expect(files).not.toContain('broken.html');
  expect(text('good.ipynb')).toBe(before);
  const summary = JSON.parse(text('output', 'summary.json'));
  expect(summary).toMatchObject({
    profile: 'quick',
    notebooks: [
      { name: 'good', ok: true },
      { name: 'broken', ok: false },
    ],
  });
}, 120_000);

test('a type error fails its cell', async () => {
  const mistyped = notebook(
    'mistyped',
    "import { percent } from './src/viz/format';",
    'const share: number = percent(0.5);',
  );
  const { code, stderr } = await tutorial(mistyped);
  expect(code).toBe(1);
  expect(stderr).toMatch(
    /^error: mistyped, code cell 2: .*Type 'string' is not assignable to type 'number'/m,
  );
}, 120_000);

test('when a kernel ends, the error says how and why, and where the rest is', async () => {
  const ends = {
    aborted: "require('fs').writeSync(2, 'FATAL ERROR: full\\n')\nprocess.abort()",
    late: `setTimeout(() => { throw new RangeError('late') }, 1);
      await new Promise((r) => setTimeout(r, 50)); process.exit(3)`,
    killed: "process.kill(process.pid, 'SIGKILL')",
  };
  const output = (name: string) => path.join(temporary, 'ends', name);
  const [aborted, late, killed] = await inParallel(Object.entries(ends), ([name, source]) =>
    command(['scripts/tutorial/tutorial.mjs', '--output', output(name), notebook(name, source)]),
  );
  const file = `${output('aborted')}/aborted`;
  expect(aborted.stderr).toBe(
    'error: aborted, code cell 1: the kernel was ended by SIGABRT: FATAL ERROR: full\n' +
      `  The outputs so far: ${file}.ipynb\n  What the kernel wrote: ${file}.log\n`,
  );
  expect(aborted.code).toBe(1);
  expect(late.stderr).toBe(
    'error: late, code cell 1: the kernel ended with exit code 3: UncaughtException: RangeError: late\n' +
      `  The outputs so far: ${output('late')}/late.ipynb\n`,
  );
  expect(killed.stderr).toMatch(
    /^error: killed, code cell 1: the kernel was ended by SIGKILL: most likely the machine ran out of memory$/m,
  );
}, 240_000);

test('of two tutorials that use the same folders, the second does not start', async () => {
  const flag = path.join(temporary, 'go-on');
  const waits = notebook(
    'waits',
    `import fs from 'fs'; // like those that use runs/tutorial
    const end = Date.now() + 120_000;
    while (!fs.existsSync('${flag}') && Date.now() < end) await new Promise((r) => setTimeout(r, 100))`,
  );
  const output = (name: string) => path.join(temporary, 'two', name);
  const into = (name: string, file: string) =>
    command(['scripts/tutorial/tutorial.mjs', '--output', output(name), file]);
  const first = into('one', waits);
  while (!fs.existsSync(path.join(output('one'), '.lock'))) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const [same, runs, other] = [
    await into('one', good),
    await into('other', waits),
    await into('other', good),
  ];
  fs.writeFileSync(flag, '');
  expect(await first).toMatchObject({ code: 0, stderr: '' });
  const busy = ': process \\d+ runs a tutorial that writes there\\. Wait until it has finished\n$';
  expectOneLineError(same, new RegExp(`^error: ${output('one')}${busy}`));
  expectOneLineError(runs, new RegExp(`^error: ${root}/runs${busy}`));
  expect(other.code).toBe(0);
}, 240_000);

test('another kernel named tslab is not used, and doctor names it', async () => {
  const kernel = 'share/jupyter/kernels/tslab';
  const broken = JSON.stringify({ argv: ['no-such-program'], display_name: '', language: '' });
  const home = folderOf(temporary, 'home', { [`.local/${kernel}/kernel.json`]: broken });
  const env = {
    ...{ HOME: home, XDG_DATA_HOME: undefined, JUPYTER_DATA_DIR: undefined },
    ...{ JUPYTER_PATH: path.join(home, '.local/share/jupyter'), JUPYTER_PREFER_ENV_PATH: '0' },
  };
  const args = ['scripts/tutorial/tutorial.mjs', '--output', path.join(home, 'output'), good];
  expect(await command(args, env)).toMatchObject({ code: 0, stderr: '' });
  const { stdout } = await command(['scripts/setup/doctor.mjs'], env);
  expect(stdout).toContain(
    `tslab, for this checkout; there is another in ${home}/.local/${kernel}, `,
  );
}, 240_000);

test('a home folder that cannot be written is replaced', async () => {
  const home = path.join(good, 'home'); // not even root can create a folder in a file
  const args = [
    'scripts/tutorial/tutorial.mjs',
    '--output',
    path.join(temporary, 'homeless'),
    good,
  ];
  const { code, stderr } = await command(args, { HOME: home });
  expect(stderr).toBe(
    `note: the home folder ${home} cannot be written; a temporary one is used while this command runs\n`,
  );
  expect(code).toBe(0);
}, 240_000);

test('--save refuses a notebook of more than 1 MB, and saves none', async () => {
  const large = notebook('large', "console.log('x'.repeat(1_200_000));");
  const before = [text('good.ipynb'), text('large.ipynb')];
  const { code, stderr } = await tutorial('--save', good, large);
  expect(stderr).toBe(
    'error: large.ipynb would have 1.20 MB, more than 1.00 MB: nothing was saved\n',
  );
  expect(code).toBe(1);
  expect([text('good.ipynb'), text('large.ipynb')]).toEqual(before);
}, 120_000);

test('a file that is not a notebook is a one-line error', async () => {
  const file = path.join(temporary, 'text.ipynb');
  fs.writeFileSync(file, 'just text');
  const { code, stderr } = await tutorial(file);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^error: text: not a notebook: /);
  expect(stderr.trim().split('\n').length).toBe(1);
});

test('unknown options, profiles and notebooks are one-line errors', async () => {
  const results = await Promise.all([
    command(['scripts/tutorial/tutorial.mjs', '--fast']),
    command(['scripts/tutorial/tutorial.mjs', '--profile', 'slow']),
    command(['scripts/tutorial/tutorial.mjs', 'nowhere.ipynb']),
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

/** The titles, axes, legends and descriptions in the saved outputs of a notebook. */
function shownTexts(name: string): string[] {
  const file = path.join(root, 'notebooks', `${name}.ipynb`);
  const outputs: { data?: Record<string, never> }[] = JSON.parse(
    fs.readFileSync(file, 'utf8'),
  ).cells.flatMap((cell: { outputs?: object[] }) => cell.outputs ?? []);
  return outputs.flatMap(({ data = {} }) => {
    const figure = data['application/vnd.plotly.v1+json'] as
      | {
          data: { name?: string }[];
          layout: Record<string, { text?: string; title?: { text?: string } }>;
        }
      | undefined;
    if (figure) {
      const parts = Object.values(figure.layout);
      const titles = parts.flatMap((part) => [part?.text, part?.title?.text]);
      return [...titles, ...figure.data.map((trace) => trace.name)].filter(
        (text) => text,
      ) as string[];
    }
    return data['image/png'] || data['image/svg+xml'] ? [[data['text/plain']].flat().join('')] : [];
  });
}

const NOTEBOOKS = [
  ...['00-start', '01-network', '02-data', '03-step'],
  ...['04-training', '05-prediction', '06-inside', '07-further'],
];
interface Cell {
  cell_type: string;
  source: string | string[];
}
const cellsOf = (...place: string[]): Cell[] => {
  const file = path.join(root, 'notebooks', ...place);
  const notebook = JSON.parse(fs.readFileSync(file, 'utf8'));
  expect(notebook.metadata.kernelspec.name).toBe('tslab');
  return notebook.cells;
};
const sourceOf = ({ source }: Cell) => [source].flat().join('');
/** Code cells, and the code in answers. */
const codeOf = (cells: Cell[]) =>
  cells.flatMap((cell) =>
    cell.cell_type === 'code'
      ? [sourceOf(cell)]
      : [...sourceOf(cell).matchAll(/^```(?:ts|python)?\n[\s\S]*?^```/gm)].map(([code]) => code),
  );

test.each(NOTEBOOKS)(
  '%s: a title, its Chinese title, a question, and answers that fold out',
  (name) => {
    const cells = cellsOf(`${name}.ipynb`);
    expect(sourceOf(cells[0])).toMatch(/^# \d\. .*\(.*[\u4e00-\u9fff].*\)\n\n\*\*.*\?\*\*/);
    const text = cells.map(sourceOf).join('\n');
    expect((text.match(/<details><summary>Answer/g) ?? []).length).toBeGreaterThanOrEqual(2);
  },
);

test.each(NOTEBOOKS)('%s: the Chinese notebook has the same cells and the same code', (name) => {
  const [english, chinese] = [cellsOf(`${name}.ipynb`), cellsOf('zh', `${name}.ipynb`)];
  expect(chinese.map((cell) => cell.cell_type)).toEqual(english.map((cell) => cell.cell_type));
  expect(codeOf(chinese)).toEqual(codeOf(english));
  for (const cell of chinese.filter((each) => each.cell_type === 'markdown')) {
    expect(sourceOf(cell)).toMatch(/[\u4e00-\u9fff]/);
  }
});

test.each(NOTEBOOKS)('%s: everything that is shown has a Chinese translation', (name) => {
  process.env.FIGURE_LANGUAGE = 'zh';
  try {
    // Names of folders stay.
    const english = shownTexts(name).filter(
      (text) => /[a-z]{2}/.test(text) && !/\w\/\w/.test(text),
    );
    expect(english.length).toBeGreaterThan(0);
    expect(english.filter((text) => !/[\u4e00-\u9fff]/.test(localised(text)))).toEqual([]);
  } finally {
    delete process.env.FIGURE_LANGUAGE;
  }
});
