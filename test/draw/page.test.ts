import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { exportModel, holdsModel, removeModel, writePage } from '../../src/draw/index';
import { alexnet, inputSizeOf, type LayerSpec } from '../../src/model/index';
import { loadModel, saveModel } from '../../src/storage/index';
import { cli, expectOneLineError, root } from '../support/command';
import { temporaryFolder } from '../support/idx';

const temporary = temporaryFolder();
const place = (name: string) => path.join(temporary, name);
const layers: LayerSpec[] = [
  { kind: 'flatten', name: 'flatten' },
  { kind: 'dense', name: 'out', units: 0, relu: false },
];

async function saveSmall(folder: string, inputSize: number, seed = 1): Promise<void> {
  const model = alexnet({ inputSize, layers, seed });
  await saveModel(model, folder);
  model.dispose();
}

test('the bundle contains no Node code and no tfjs', async () => {
  const folder = await writePage(place('bundle'));
  expect(fs.readdirSync(folder).sort()).toEqual([
    'index.html',
    'page.js',
    'style.css',
    'tf-backend-wasm.min.js',
    'tf.min.js',
    'tfjs-backend-wasm-simd.wasm',
    'tfjs-backend-wasm-threaded-simd.wasm',
    'tfjs-backend-wasm.wasm',
    'worker.js',
  ]);
  for (const name of ['page.js', 'worker.js']) {
    const text = fs.readFileSync(path.join(folder, name), 'utf8');
    expect(text).not.toMatch(/node:|require\(|\bprocess\.|\bBuffer\b/);
    expect(text.length).toBeLessThan(40_000);
  }
});

test('a model is exported in 8 bits, and again only after a change', async () => {
  const [run, other, page] = ['run', 'other', 'page'].map(place);
  await saveSmall(path.join(run, 'model'), 30);
  await saveSmall(other, 40);
  const exported = path.join(page, 'model');
  const size = async () => {
    const model = await loadModel(exported);
    const found = inputSizeOf(model);
    model.dispose();
    return found;
  };
  expect([holdsModel(run), holdsModel(other), holdsModel(page)]).toEqual([true, true, false]);
  expect(await exportModel(run, page)).toBe(true);
  expect(fs.statSync(path.join(exported, 'weights.bin')).size).toBe(30 * 30 * 10 + 4 * 10);
  expect([await exportModel(run, page), await size()]).toEqual([false, 30]);
  expect([await exportModel(other, page), await size()]).toEqual([true, 40]);
  await saveSmall(path.join(run, 'model'), 30, 2);
  expect([await exportModel(run, page), await size()]).toEqual([true, 30]);
  // An interrupted export has no source.json.
  fs.rmSync(path.join(exported, 'source.json'));
  expect(await exportModel(run, page)).toBe(true);
  removeModel(page);
  expect(holdsModel(page)).toBe(false);
});

test('a network for something else than grey digits is refused', async () => {
  const model = alexnet({ inputSize: 30, layers, channels: 3 });
  await saveModel(model, place('colour'));
  model.dispose();
  await expect(exportModel(place('colour'), place('colour-page'))).rejects.toThrow(
    'colour: not a network for digits, which the page is for',
  );
  expect(holdsModel(place('colour-page'))).toBe(false);
});

test('a page that cannot be written and a model that does not exist', async () => {
  await expect(writePage(__filename)).rejects.toThrow(
    /page\.test\.ts.draw: the page cannot be written: \w+/,
  );
  await expect(exportModel(place('nowhere'), place('page'))).rejects.toThrow(
    'nowhere: no such folder or file',
  );
});

/** Runs the command, calls `look` with the printed address, then presses Ctrl-C. */
async function draw(args: string[], look: (url: string) => Promise<void>) {
  const child = spawn(process.execPath, ['scripts/run.mjs', 'draw', ...args], {
    cwd: root,
  });
  const closed = once(child, 'close');
  let [stdout, stderr] = ['', ''];
  child.stderr.on('data', (chunk) => (stderr += chunk));
  for await (const chunk of child.stdout) {
    stdout += chunk;
    const url = stdout.match(/Open (\S+) in a browser/)?.[1];
    if (!url) continue;
    await look(url).finally(() => child.kill('SIGINT'));
    break;
  }
  const [code] = await closed;
  return { code, stdout, stderr };
}

test('npm run draw serves the page with the model until Ctrl-C', async () => {
  const output = place('served');
  const result = await draw(
    ['--model', place('other'), '--output', output, '--port', '0'],
    async (url) => {
      expect(await (await fetch(url)).text()).toMatch(/<title>Draw a digit/);
      expect((await fetch(`${url}model/model.json`)).status).toBe(200);
    },
  );
  expect([result.code, result.stderr]).toEqual([0, '']);
  expect(result.stdout).toMatch(/Open http:\/\/127\.0\.0\.1:\d+\/draw\/ in a browser/);
}, 60_000);

test('npm run draw reports bad input in one line', async () => {
  const bad: [string, RegExp][] = [
    ['70000', /--port 70000: want 0 to 65535/],
    ['x', /--port.*'x' is invalid/],
  ];
  for (const [port, message] of bad) {
    expectOneLineError(await cli('draw', '--output', place('bad'), '--port', port), message);
  }
});
