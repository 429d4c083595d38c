/** Notebooks that fail. (pages.test.ts runs notebooks that succeed.) */
import fs from 'node:fs';
import path from 'node:path';
import { localised } from '../../../src/viz/index';
import { command, expectOneLineError, python, type Result, root } from '../../support/command';
import { folderOf, temporaryFolder } from '../../support/idx';
import { requireLoopback } from '../../support/loopback';

requireLoopback();
const temporary = temporaryFolder();
const text = (...parts: string[]) => fs.readFileSync(path.join(temporary, ...parts), 'utf8');

/** Writes a notebook, of which most cells are code, and returns its file. */
function notebook(name: string, ...sources: (string | object)[]): string {
  const file = path.join(temporary, `${name}.ipynb`);
  const code = { cell_type: 'code', metadata: {}, execution_count: null, outputs: [] };
  const cells = sources.map((source, i) =>
    typeof source === 'string' ? { ...code, id: `c${i}`, source } : source,
  );
  const metadata = {
    kernelspec: { display_name: 'TypeScript (tslab)', language: 'typescript', name: 'tslab' },
  };
  fs.writeFileSync(file, JSON.stringify({ cells, metadata, nbformat: 4, nbformat_minor: 5 }));
  return file;
}

const good = notebook('good', "console.log('fine: 1 < 2')");

/**
 * A kernel takes four seconds of a processor to start, so most failures are tested with a stand-in. Here the real one
 * runs: the first tutorial until the others are through.
 */
describe('tutorials side by side', () => {
  const flag = path.join(temporary, 'go-on');
  const broken = notebook(
    'broken',
    `import fs from 'fs'; // like those that use runs/tutorial
    const end = Date.now() + 120_000;
    while (!fs.existsSync('${flag}') && Date.now() < end) await new Promise((r) => setTimeout(r, 100))`,
    "import { InputError } from './src/errors';",
    "throw new InputError('no/such/folder: no such folder');",
    "console.log('never reached');",
  );
  const kernel = 'share/jupyter/kernels/tslab';
  const home = folderOf(temporary, 'home', {
    [`.local/${kernel}/kernel.json`]: JSON.stringify({
      ...{ argv: ['no-such-program'], display_name: '', language: '' },
    }),
  });
  const env = {
    ...{ HOME: home, XDG_DATA_HOME: undefined, JUPYTER_DATA_DIR: undefined },
    ...{ JUPYTER_PATH: path.join(home, '.local/share/jupyter'), JUPYTER_PREFER_ENV_PATH: '0' },
  };
  const noHome = path.join(good, 'home'); // not even root can create a folder in a file
  const output = (name: string) => path.join(temporary, name);
  const into = (name: string, args: string[], environment = {}) =>
    command(['scripts/tutorial/tutorial.mjs', '--output', output(name), ...args], environment);
  let [first, same, runs, other]: Result[] = [];

  beforeAll(async () => {
    const running = into('first', [broken], env);
    while (!fs.existsSync(path.join(output('first'), '.lock')))
      await new Promise((resolve) => setTimeout(resolve, 50));
    same = await into('first', [good]);
    runs = await into('other', [broken]);
    other = await into('other', [good], { HOME: noHome });
    fs.writeFileSync(flag, '');
    first = await running;
  }, 180_000);

  test('the error names the notebook, the cell and the cause', () => {
    expect(first.stdout).toBe(
      ['1', '2', '3'].map((n) => `  … broken  cell ${n}/4\n`).join('') +
        first.stdout.slice(first.stdout.indexOf('  ✗ broken: ')),
    );
    expect(first.stderr).toBe(
      'error: broken, code cell 3: InputError: no/such/folder: no such folder\n' +
        `  The outputs so far: ${output('first')}/broken.ipynb\n`,
    );
    expect(first.code).toBe(1);
  });

  test('a notebook that succeeds', () => {
    expect(other.stdout).toMatch(
      /^ {2}… good {2}cell 1\/1\n {2}✓ good: [\d.]+ s\n\nWritten to .*: 1 notebook \(.*\nOpen index.html .*\n$/,
    );
    expect(other.code).toBe(0);
    expect(text('other', 'good.html')).toMatch('<pre class="stdout">fine: 1 &lt; 2</pre>');
  });

  test('of two that use the same folders, the second does not start', () => {
    const busy =
      ': process \\d+ runs a tutorial that writes there\\. Wait until it has finished\n$';
    expectOneLineError(same, new RegExp(`^error: ${output('first')}${busy}`));
    expectOneLineError(runs, new RegExp(`^error: ${root}/runs${busy}`));
  });

  test('another kernel named tslab is not used, and doctor names it', async () => {
    expect(first.stdout).toMatch('cell 3/4');
    const { stdout } = await command(['scripts/setup/doctor.mjs'], env);
    expect(stdout).toContain(
      `tslab, for this checkout; there is another in ${home}/.local/${kernel}, `,
    );
  });

  test('a home folder that cannot be written is replaced', () => {
    expect(other.stderr).toBe(
      `note: the home folder ${noHome} cannot be written; a temporary one is used while this command runs\n`,
    );
  });
});

test('the causes in what the kernel prints: a type error, an exception, an error after the cell', async () => {
  const script = path.join(__dirname, '../../support/causes.py');
  const { stdout, stderr } = await python(
    ...[script, temporary],
    "import { percent } from './src/viz/format'; const share: number = percent(0.5);",
    "const f = () => { throw new RangeError('no') };\nf();",
    `setTimeout(() => { throw new RangeError('late') }, 1);
      await new Promise((r) => setTimeout(r, 50)); process.exit(3)`,
  );
  expect(stderr).toBe('');
  expect(stdout.trim().split('\n')).toEqual([
    expect.stringMatching(/^\d+:\d+ - Type 'string' is not assignable to type 'number'/),
    'RangeError: no',
    'the kernel ended with exit code 3: UncaughtException: RangeError: late',
  ]);
}, 60_000);

describe('with a stand-in for the kernel', () => {
  interface Run {
    printed: string;
    error: string | null;
  }
  const output = (name: string) => path.join(temporary, 'stand-in', name);
  let results: Record<string, Run>;
  const answers = {
    ...{ cell_type: 'markdown', id: 'answers', metadata: {} },
    source: "<details>\n\n```ts\nsay('the answer')\n```\n\n</details>",
  };
  const bar =
    'Epoch 2/5:  43%|██████▉         | 203/469 [02:01<02:39, 1.67 batch/s, loss=0.081, acc=97.6%]';

  beforeAll(async () => {
    fs.writeFileSync(path.join(temporary, 'text.ipynb'), 'just text');
    const notText = path.join(temporary, 'text.ipynb');
    const fine = notebook('fine', `say('1'); say('2'); show('Epoch'); show('${bar}')`, answers);
    const large = notebook('large', "say('x' * 1_200_000)");
    const ends = {
      aborted: "os.write(2, b'FATAL ERROR: full\\n'); os.abort()",
      killed: 'os.kill(os.getpid(), 9)',
      busy: "say('line'); stay_busy()",
    };
    const failed = notebook(
      'failed',
      "say('Some words\\n2:7 - Type no\\n    at x', 'stderr'); fail()",
      "say('never reached')",
    );
    const runs = [
      { output: output('fine'), paths: [fine], with_answers: true },
      ...[100, 81, 40].map((columns) => ({
        ...{ output: output(`${columns}`), paths: [fine], columns },
      })),
      { output: output('large'), paths: [fine, large], save: true },
      { output: output('failed'), paths: [fine, failed, large], save: true },
      { output: output('text'), paths: [notText] },
      ...Object.entries(ends).map(([name, source]) => ({
        output: output(name),
        paths: [notebook(name, source, "say('never reached')")],
      })),
    ];
    const script = path.join(__dirname, '../../support/tutorial.py');
    const { stdout, stderr } = await python(script, JSON.stringify(runs));
    expect(stderr).toBe('');
    const all: Run[] = JSON.parse(stdout);
    results = Object.fromEntries(all.map((run, i) => [path.basename(runs[i].output), run]));
  }, 60_000);

  /** What the cells of a notebook printed. */
  const printed = (name: string) =>
    JSON.parse(text('stand-in', name, `${name}.ipynb`)).cells.map(
      ({ outputs = [] }: { outputs?: { text?: string[] }[] }) =>
        outputs.flatMap((each) => each.text ?? []).join(''),
    );

  test('the output is joined, the answers run but are not saved, and a log has lines of progress', () => {
    expect(results.fine.error).toBe(null);
    expect(printed('fine')).toEqual(['12', '']);
    expect(results.fine.printed).toMatch(
      `  … fine  cell 1/2\n    ${bar}\n  … fine  cell 2/2\n  ✓ fine: `,
    );
  });

  test('on a terminal one line changes, and fits', () => {
    // The line is cleared before each of its texts.
    const lines = (columns: number) => results[columns].printed.split('\r\x1b[2K').slice(1, 4);
    expect(lines(100)).toEqual([
      '  … fine  cell 1/1',
      '  … fine  cell 1/1  Epoch 2/5:  43%|█   | 203/469 [02:01<02:39, 1.67 batch/s, loss=0.081, acc=97.6%]',
      expect.stringMatching(/^ {2}✓ fine: [\d.]+ s\n/),
    ]);
    expect(lines(81)[1]).toBe(
      'fine  Epoch 2/5:  43% 203/469 [02:01<02:39, 1.67 batch/s, loss=0.081, acc=97.6%]',
    );
    expect(lines(40)[1]).toBe('…9, 1.67 batch/s, loss=0.081, acc=97.6%]');
  });

  test('the first error ends the tutorial, and with --save no notebook is saved', () => {
    expect(results.failed.error).toMatch(/^failed, code cell 1: 2:7 - Type no\n/);
    expect(results.failed.printed).toMatch(
      /^ {2}… fine {2}cell 1\/1\n.*\n {2}✓ fine: .*\n {2}… failed {2}cell 1\/2\n {2}✗ failed: .*\n$/,
    );
    expect(fs.readdirSync(output('failed')).sort()).toEqual([
      ...['failed.ipynb', 'fine.html', 'fine.ipynb', 'index.html', 'summary.json'],
    ]);
    expect(JSON.parse(text('stand-in', 'failed', 'summary.json'))).toMatchObject({
      profile: 'quick',
      notebooks: [
        { name: 'fine', ok: true },
        { name: 'failed', ok: false },
      ],
    });
    expect(JSON.parse(text('fine.ipynb')).cells[0].outputs).toEqual([]);
  });

  test('when a kernel ends, the error says how and why, and where the rest is', () => {
    const file = `${output('aborted')}/aborted`;
    expect(results.aborted.error).toBe(
      'aborted, code cell 1: the kernel was ended by SIGABRT: FATAL ERROR: full\n' +
        `  The outputs so far: ${file}.ipynb\n  What the kernel wrote: ${file}.log`,
    );
    expect(results.aborted.printed).toMatch(
      /^ {2}… aborted {2}cell 1\/2\n {2}✗ aborted: [\d.]+ s\n$/,
    );
    expect(text('stand-in', 'aborted', 'aborted.log')).toBe('FATAL ERROR: full\n');
    expect(fs.readdirSync(output('aborted')).sort()).toEqual([
      ...['aborted.ipynb', 'aborted.log', 'index.html', 'summary.json'],
    ]);
    expect(results.killed.error).toBe(
      'killed, code cell 1: the kernel was ended by SIGKILL: most likely the machine ran out of memory\n' +
        `  The outputs so far: ${output('killed')}/killed.ipynb`,
    );
  });

  test('a kernel that never becomes idle after a cell is an error, and what it printed is saved', () => {
    expect(results.busy.error).toMatch(
      /^busy, code cell 1: the cell ended, but the kernel did not become idle: .*\n {2}The outputs so far/,
    );
    expect(printed('busy')).toEqual(['line', '']);
  });

  test('--save refuses a notebook of more than 1 MB, and saves none', () => {
    expect(results.large.error).toBe(
      'large.ipynb would have 1.20 MB, more than 1.00 MB: nothing was saved',
    );
    for (const name of ['fine', 'large'])
      expect(JSON.parse(text(`${name}.ipynb`)).cells[0].outputs).toEqual([]);
  });

  test('a file that is not a notebook is a one-line error', () => {
    expect(results.text.error).toMatch(/^text: not a notebook: .*$/);
  });
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
