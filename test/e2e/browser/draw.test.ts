import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { loadDataset, slice } from '../../../src/data/index';
import { exportModel, type Site, serve, writePage } from '../../../src/draw/index';
import { alexnet, type LayerSpec } from '../../../src/model/index';
import { predictImage } from '../../../src/predict/index';
import { loadModel, saveModel } from '../../../src/storage/index';
import type { tf } from '../../../src/tf/index';
import { train } from '../../../src/train/index';
import { launchChromium, openPage, screenshot } from '../../support/chromium';
import { root } from '../../support/command';
import { describeBrowser } from '../../support/describe-browser';
import { temporaryFolder } from '../../support/idx';
import { requireLoopback } from '../../support/loopback';
import { maxDifference } from '../../support/tensors';

requireLoopback();
const temporary = temporaryFolder();
const desktop = { width: 1100, height: 1000 };
const phone = { width: 390, height: 844 };

/** AlexNet's kinds of layers, but few and small: after seconds of training it reads most digits. */
const layers: LayerSpec[] = [
  { kind: 'conv', name: 'conv1', filters: 16, kernel: 7, stride: 2, padding: 2 },
  { kind: 'maxPool', name: 'pool1', kernel: 3, stride: 2 },
  { kind: 'conv', name: 'conv2', filters: 32, kernel: 5, stride: 1, padding: 2 },
  { kind: 'maxPool', name: 'pool2', kernel: 3, stride: 2 },
  { kind: 'flatten', name: 'flatten' },
  { kind: 'dropout', name: 'dropout' },
  { kind: 'dense', name: 'fc1', units: 64, relu: true },
  { kind: 'dense', name: 'fc2', units: 0, relu: false },
];

let browser: Browser;
let site: Site;
let empty: Site;
let model: tf.LayersModel;

const place = (name: string) => path.join(temporary, name);

type Line = [x: number, y: number][];

/** Draws strokes. Places are shares of the canvas. */
async function drawLines(page: Page, lines: Line[]): Promise<void> {
  const paper = (await page.locator('#paper').boundingBox())!;
  for (const line of lines) {
    const points = line.map(([x, y]) => [paper.x + x * paper.width, paper.y + y * paper.height]);
    await page.mouse.move(points[0][0], points[0][1]);
    await page.mouse.down();
    for (const [x, y] of points.slice(1)) await page.mouse.move(x, y, { steps: 8 });
    await page.mouse.up();
  }
}

const drawSeven = (page: Page) =>
  drawLines(page, [
    [
      [0.3, 0.25],
      [0.7, 0.25],
      [0.45, 0.8],
    ],
  ]);

/** The unrounded probabilities behind the bars. Empty without a prediction. */
const shares = (page: Page) =>
  page
    .locator('#bars.filled progress')
    .evaluateAll((bars) => bars.map((bar) => (bar as unknown as { value: number }).value));

/** The picture of the input on the page. */
async function inputOf(page: Page): Promise<{ pixels: Uint8Array; width: number; height: number }> {
  // A string, because the tests are compiled without the browser's types.
  const values = (await page.evaluate(`(() => {
    const canvas = document.querySelector('#input canvas');
    const { width, height } = canvas;
    return [width, height, ...canvas.getContext('2d').getImageData(0, 0, width, height).data];
  })()`)) as number[];
  const [width, height, ...data] = values;
  return { pixels: Uint8Array.from(data.filter((_, i) => i % 4 === 0)), width, height };
}

describeBrowser('the draw page', () => {
  beforeAll(async () => {
    browser = await launchChromium();
    const trained = alexnet({ inputSize: 56, layers, dropout: 0.2, seed: 1 });
    await train(trained, slice(loadDataset('train'), 0, 4000), {
      epochs: 2,
      batchSize: 50,
      learningRate: 2e-3,
    });
    await saveModel(trained, place('trained'));
    trained.dispose();
    const page = await writePage(place('site'));
    await exportModel(place('trained'), page);
    model = await loadModel(path.join(page, 'model'));
    site = await serve(place('site'), 0);
    await writePage(place('empty'));
    empty = await serve(place('empty'), 0);
  }, 180_000);
  afterAll(() => Promise.all([browser?.close(), site?.close(), empty?.close()]));

  test('reads while you draw', async () => {
    const { page, errors } = await openPage(browser, { viewport: desktop });
    await page.goto(`${site.url}draw/`);
    await page.waitForSelector('text=/takes 56×56 pixels/');
    const paper = (await page.locator('#paper').boundingBox())!;
    const move = (x: number, y: number) =>
      page.mouse.move(paper.x + x * paper.width, paper.y + y * paper.height, { steps: 8 });
    await move(0.5, 0.2);
    await page.mouse.down();
    await move(0.5, 0.8);
    await page.waitForSelector('text=/(I see|Perhaps) a 1/'); // the mouse button is still down
    await move(0.2, 0.8);
    await move(0.8, 0.8);
    await page.waitForFunction('!/a 1/.test(document.querySelector("#says").textContent)');
    await page.mouse.up();
    await page.click('#clear');
    expect(await page.textContent('#says')).toBe('Draw a digit from 0 to 9.');
    expect(errors).toEqual([]);
    await page.close();
  });

  test('from a host without its headers, it runs in one thread', async () => {
    // Any plain static host serves the exported page.
    const server = http.createServer((request, response) => {
      const file = path.join(
        place('site'),
        decodeURIComponent(request.url!.replace(/\/$/, '/index.html')),
      );
      if (!fs.existsSync(file)) {
        response.writeHead(404).end();
        return;
      }
      const type = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' }[
        path.extname(file)
      ];
      response.writeHead(200, type ? { 'Content-Type': type } : {}).end(fs.readFileSync(file));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { page, errors } = await openPage(browser, { viewport: desktop });
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/draw/`);
    await page.waitForSelector('text=/runs on the CPU \\(WebAssembly, 1 thread\\)/');
    await drawSeven(page);
    await page.waitForSelector('text=/I see a 7/');
    expect(errors).toEqual([]);
    await page.close();
    server.close();
    server.closeAllConnections();
  });

  test('two digits are not read as one', async () => {
    const { page, errors } = await openPage(browser, { viewport: desktop });
    await page.goto(`${site.url}draw/`);
    await page.waitForSelector('text=/takes 56×56 pixels/');
    const stroke = (x: number): Line => [
      [x, 0.2],
      [x, 0.8],
    ];
    await drawLines(page, [stroke(0.3), stroke(0.7)]);
    await page.waitForSelector('text=/I see 2 digits, and read one at a time/');
    expect(await shares(page)).toEqual([]);
    expect(errors).toEqual([]);
    await page.close();
  });

  test('predicts the same as predictImage, without any other server', async () => {
    const { page, requests, errors } = await openPage(browser, { viewport: desktop });
    await page.goto(`${site.url}draw/`);
    await page.waitForSelector(
      'text=/takes 56×56 pixels and runs on the CPU \\(WebAssembly, \\d threads\\)/',
    );
    expect(await page.locator('#bars li').count()).toBe(10);
    expect(await shares(page)).toEqual([]);
    await drawSeven(page);
    await page.waitForSelector('text=/I see a 7, \\d+\\.\\d% sure/');
    await page.waitForSelector('text=/This prediction took \\d+ ms/');
    const found = await shares(page);
    expect(found.length).toBe(10);
    expect(found.reduce((a, b) => a + b)).toBeCloseTo(1, 4);
    const image = await inputOf(page);
    expect([image.width, image.height]).toEqual([28, 28]);
    expect(maxDifference(found, predictImage(model, image).probabilities)).toBeLessThan(1e-3);
    expect(await page.locator('#maps canvas').count()).toBe(12);
    expect(await page.textContent('#digit')).toBe('7');
    await screenshot(page, 'draw');

    // A grid of lines is no digit.
    await page.click('#clear');
    await drawLines(page, [
      [
        [0.2, 0.2],
        [0.8, 0.8],
      ],
      [
        [0.8, 0.2],
        [0.2, 0.8],
      ],
      [
        [0.5, 0.1],
        [0.5, 0.9],
      ],
      [
        [0.1, 0.5],
        [0.9, 0.5],
      ],
    ]);
    await page.waitForSelector('text=/I am not sure.* Perhaps an? \\d \\(\\d+\\.\\d%\\)/');
    await screenshot(page, 'draw-no-digit');

    // No prediction without a drawing, not even if undo comes before the answer.
    await page.click('#clear');
    expect(await shares(page)).toEqual([]);
    await drawSeven(page);
    await page.click('#undo');
    await page.waitForTimeout(1000);
    expect(await shares(page)).toEqual([]);
    expect(await page.textContent('#digit')).toBe('?');
    expect(await page.locator('#inside').isVisible()).toBe(false);

    expect(
      requests.filter((url) => !/^(data|blob):/.test(url) && !url.startsWith(site.url)),
    ).toEqual([]);
    expect(errors).toEqual([]);
  }, 120_000);

  test('reads a picture file; explains why it cannot read a dot or a text file', async () => {
    const { page, errors } = await openPage(browser, { viewport: phone, colorScheme: 'dark' });
    await page.goto(`${site.url}draw/`);
    await page.setInputFiles('#file', path.join(root, 'samples', '0-28x28.png'));
    await page.waitForSelector('#bars.filled');
    // Already in MNIST's form: the browser passes on the bytes of the file.
    const { probabilities } = predictImage(model, await inputOf(page));
    expect(maxDifference(await shares(page), probabilities)).toBeLessThan(1e-3);
    await page.setInputFiles('#file', path.join(root, 'samples', '3-photo.jpg'));
    await page.waitForSelector('text=/^(I see|I am not sure)/');
    await screenshot(page, 'draw-phone');

    await page.setInputFiles('#file', path.join(root, 'package.json'));
    await page.waitForSelector('text=/Cannot open package.json as a picture: /');
    expect(await shares(page)).toEqual([]);
    const paper = (await page.locator('#paper').boundingBox())!;
    await page.mouse.click(paper.x + 30, paper.y + 1);
    await page.waitForSelector('text=/I cannot find a digit: .*Try again/');
    expect(await shares(page)).toEqual([]);
    // The page is not wider than the phone. Held sideways, the canvas fits the screen.
    const width = () => page.evaluate('document.documentElement.scrollWidth');
    expect(await width()).toBe(phone.width);
    await page.setViewportSize({ width: phone.height, height: phone.width });
    expect(await width()).toBe(phone.height);
    expect((await page.locator('#paper').boundingBox())!.height).toBeLessThan(phone.width);
    await screenshot(page, 'draw-landscape');
    expect(errors).toEqual([]);
  }, 120_000);

  test('without a model it explains how to get one, and shows the input', async () => {
    const { page, errors } = await openPage(browser, { viewport: phone });
    await page.goto(`${empty.url}draw/`);
    await page.waitForSelector('text=/There is no trained network yet/');
    expect(await page.textContent('#notice')).toMatch(/npm run tutorial.*notebook 4.*--model/);
    await drawSeven(page);
    await page.waitForSelector('#input canvas');
    expect(await shares(page)).toEqual([]);
    await screenshot(page, 'draw-no-model');
    expect(errors).toEqual([]);
  }, 60_000);

  test('opened as a file, it says what to run', async () => {
    const { page, errors } = await openPage(browser, { viewport: desktop, offline: true });
    await page.goto(`file://${place('empty')}/draw/index.html`);
    await page.waitForSelector('#notice >> text=npm run draw');
    expect(errors).toEqual([]);
  }, 60_000);
});
