/** What the kernel adds to tslab. One kernel runs the cells of all tests, because a kernel takes seconds to start. */
import fs from 'node:fs';
import path from 'node:path';
import { python, root } from '../../support/command';
import { temporaryFolder } from '../../support/idx';
import { requireLoopback } from '../../support/loopback';

requireLoopback();
const temporary = temporaryFolder();
fs.mkdirSync(path.join(root, 'build'), { recursive: true });
const folder = fs.mkdtempSync(path.join(root, 'build', 'kernel-'));
const name = path.relative(root, folder);
afterAll(() => fs.rmSync(folder, { recursive: true }));

/** A cell, and the text at which the stop button is pressed, if any; or a file to write. */
type Step = { run: string; stop?: string } | { write: string; to: string };

const run = (code: string, stop?: string): Step => ({ run: code, stop });
const write = (file: string, text: string): Step => ({
  write: text,
  to: path.join(folder, file),
});
const sizePlus = (n: number) => run(`import { size } from './${name}/size'; size + ${n}`);
const next = run(`import { next } from './${name}/next'; next`);
/** A cell that is stopped when its progress bar has appeared. */
const stopped = (call: string) => run(`${call}\nconsole.log('not reached');`, '|');
const runFolder = path.join(temporary, 'run');
const trainRun = run(
  `await trainRun(${JSON.stringify(runFolder)}, model, images, { ...long, onProgress: show, say: console.log });`,
  '|',
);

const STEPS = {
  edited: [
    write('size.ts', 'export const size = 10;'),
    sizePlus(1),
    write('size.ts', 'export const size = 20;'),
    sizePlus(2),
    run('1 + 1'),
    write('size.ts', 'export const size = 10;'),
    run('1 + 2'),
    next,
    write('next.ts', 'export const next = 5;'),
    next,
    run('1 + 3'),
  ],
  code: [
    run('for await (const n of [1, 2]) console.log(n);'),
    run("import { check, positiveInteger } from './src/checks'; check(positiveInteger, -1, 'x');"),
  ],
  flood: [
    run('for (let i = 1; i <= 5000; i++) if (i % 1000) console.log(i); else console.error(-i);'),
    run("import { display } from 'tslab'; for (let i = 0; i < 1500; i++) display.text(String(i));"),
    run("'the next cell'"),
  ],
  stop: [
    run(`
      import { loadDataset, slice } from './src/data/index';
      import { evaluate } from './src/evaluate/index';
      import { alexnet } from './src/model/index';
      import { trainRun } from './src/runs/index';
      import { stepProgress, train } from './src/train/index';
      import { showProgress, tqdm } from './src/viz/index';
      const images = slice(loadDataset('train'), 0, 2000);
      const model = alexnet({
        inputSize: 28,
        layers: [
          { kind: 'flatten', name: 'flatten' },
          { kind: 'dense', name: 'out', units: 0, relu: false },
        ],
      });
      const show = showProgress();
      const long = { epochs: 100000, batchSize: 20 };
      let steps = 0;`),
    stopped(`await train(model, images, { ...long, onStep: (training) => {
      steps++;
      show(stepProgress(training));
    } });`),
    run('const before = steps; await new Promise((done) => setTimeout(done, 300)); steps - before'),
    stopped(
      'await null; await evaluate(model, loadDataset("train"), { batchSize: 1, onProgress: show });',
    ),
    stopped("for await (const batch of tqdm([...Array(1e6).keys()], 'Endless')) steps++;"),
    run("console.log('waiting'); await new Promise(() => {});", 'waiting'),
    run("'the next cell'"),
  ],
  resume: [trainRun, trainRun],
  memory: [
    run("import { tf } from './src/tf/index';"),
    ...[1, 2, 3, 4].flatMap(() => [
      run('const network = alexnet({ seed: 42 });'),
      run('JSON.stringify([tf.memory().numTensors, process.memoryUsage().rss])'),
    ]),
  ],
};
/** What each cell wrote. */
const written = {} as Record<keyof typeof STEPS, string[]>;

beforeAll(async () => {
  const script = path.join(root, 'test', 'support', 'cells.py');
  const steps = JSON.stringify(Object.values(STEPS).flat());
  const { stdout, stderr } = await python(script, path.join(root, 'notebooks'), steps);
  expect(stderr).toBe('');
  const texts: string[] = JSON.parse(stdout);
  for (const [section, own] of Object.entries(STEPS)) {
    written[section as keyof typeof STEPS] = texts.splice(
      0,
      own.filter((step) => 'run' in step).length,
    );
  }
}, 120_000);

test('a kernel tells which imported code has changed, and goes on when files appear', () => {
  expect(written.edited).toEqual([
    '11\n',
    `${name}/size.ts has changed since this kernel started: restart the kernel to use it\n12\n`,
    '2\n', // told once
    '3\n', // changed back
    expect.stringContaining(`Cannot find module './${name}/next'`),
    '5\n',
    '4\n',
  ]);
});

test('`for await` works in a cell, and a mistake of the reader has no stack trace', () => {
  const [loop, mistake] = written.code;
  expect(loop).toBe('1\n2\n');
  expect(mistake).toMatch(/^InputError: x is -1, want .*\n$/);
});

test('thousands of lines and outputs all arrive, in order, and the next cell runs', () => {
  const [lines, , after] = written.flood;
  const numbers = Array.from({ length: 5000 }, (_, i) => ((i + 1) % 1000 ? i + 1 : -i - 1));
  expect(lines).toBe(numbers.map((n) => `${n}\n`).join(''));
  expect(after).toBe('the next cell\n');
});

test('the stop button ends long calls after the current step, and other cells after a second', () => {
  const [, training, stepsAfter, evaluating, looping, waiting, after] = written.stop;
  for (const text of [training, evaluating, looping]) {
    expect(text).toMatch(/^Interrupted: stopped after the current step\. Run the cell again .*\n$/);
  }
  expect(stepsAfter).toBe('0\n');
  expect(waiting).toMatch(/^waiting\nInterrupted: stopped while waiting or computing\n$/);
  expect(after).toBe('the next cell\n');
});

test('trainRun saves its progress when stopped, and continues', () => {
  const [first, second] = written.resume;
  const [, step] = first.match(
    /^Stopped after step (\d+) of \d+\. Progress is saved: run this again/,
  )!;
  expect(second).toContain(`Continuing ${runFolder} after step ${step}, in epoch `);
  expect(second).toMatch(/\nStopped after step \d+ of \d+\. Progress is saved: run this again/);
});

test('a cell that builds a network again frees the old one', () => {
  const memory = written.memory.filter((text) => text.startsWith('['));
  const [, two, , four] = memory.map((text) => JSON.parse(text) as number[]);
  // The real network takes 228 MB. The cell keeps its model, and the previous one until it has run again.
  expect(four[0]).toBe(two[0]);
  expect(four[1] - two[1]).toBeLessThan(228e6); // two models more would be 456 MB
});
