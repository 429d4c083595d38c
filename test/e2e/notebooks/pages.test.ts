/** Two notebooks: run, saved, and as pages in a real browser, offline: on a desktop, on a phone, light and dark. */
import fs from 'node:fs';
import path from 'node:path';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { launchChromium, screenshot } from '../../support/chromium';
import { command } from '../../support/command';
import { describeBrowser } from '../../support/describe-browser';
import { temporaryFolder } from '../../support/idx';
import { requireLoopback } from '../../support/loopback';

const DESKTOP = { viewport: { width: 1280, height: 900 } };
const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };

requireLoopback();
const temporary = temporaryFolder();
const output = path.join(temporary, 'pages');
let browser: Browser;
/** What went wrong on the pages of a test: uncaught errors, and requests to a network. */
let wrong: string[] = [];

async function open(name: string, options: BrowserContextOptions = DESKTOP): Promise<Page> {
  const context = await browser.newContext({ offline: true, ...options });
  const page = await context.newPage();
  page.on('pageerror', (error) => wrong.push(error.message));
  page.on('request', (request) => {
    if (!/^(file|data|blob):/.test(request.url())) wrong.push(request.url());
  });
  await page.goto(`file://${output}/${name}.html`);
  if (name !== 'index' && options.javaScriptEnabled !== false)
    await page.waitForSelector('.js-plotly-plot .trace');
  return page;
}

/** The script is a string because the tests are compiled without the browser's types. */
const evaluate = <T>(page: Page, script: string) => page.evaluate(script) as Promise<T>;
const fitsWidth = (page: Page) =>
  evaluate<boolean>(page, 'document.scrollingElement.scrollWidth <= innerWidth');
const style = (page: Page, selector: string, property: string) =>
  evaluate<string>(page, `getComputedStyle(document.querySelector('${selector}')).${property}`);

/** Runs in the page: the texts whose contrast with their background is below 4.5 (WCAG AA). */
const paleTexts = `() => {
  const numbers = (color) => color.match(/[\\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) => (v / 255 <= 0.03928 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const paper = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = numbers(getComputedStyle(at).backgroundColor);
      if (color.length === 3 || color[3] > 0.9) return color;
    }
    return [255, 255, 255];
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const pale = [];
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const text = walker.currentNode.textContent.trim();
    if (!text || element.closest('script, style, svg, noscript') || !element.checkVisibility()) continue;
    const [ink, back] = [numbers(getComputedStyle(element).color), paper(element)].map(luminance);
    const contrast = (Math.max(ink, back) + 0.05) / (Math.min(ink, back) + 0.05);
    if (contrast < 4.5) pale.push(contrast.toFixed(2) + ' ' + text.slice(0, 40));
  }
  return pale;
}`;

interface Notebook {
  cells: {
    source: string | string[];
    outputs?: { name?: string; text?: string | string[]; data?: object }[];
  }[];
  metadata: unknown;
}
const read = (file: string): Notebook => JSON.parse(fs.readFileSync(file, 'utf8'));
const fixture = (name: string) => path.join(__dirname, `../../fixtures/${name}.ipynb`);
const saved = (name: string) => path.join(temporary, `${name}.ipynb`);
const names = ['sections', 'small'];
const CURVES = `import { epochCurves, showFigure } from './src/viz/index';
const epoch = { steps: 9, trainLoss: 1, trainAccuracy: 0.5, valLoss: 1, valAccuracy: 0.5, seconds: 1, imagesPerSecond: 9 };
showFigure(epochCurves([{ epoch: 1, ...epoch }, { epoch: 2, ...epoch }]));`;
let summary: { test?: object };

beforeAll(async () => {
  for (const name of names) fs.copyFileSync(fixture(name), saved(name));
  const args = ['--output', output, '--save', ...names.map(saved)];
  const run = await command(['scripts/tutorial/tutorial.mjs', ...args]);
  expect([run.code, run.stderr]).toEqual([0, '']);
  summary = JSON.parse(fs.readFileSync(path.join(output, 'summary.json'), 'utf8'));
  const train = { images: 20_000, epochs: 1, steps: 625, seconds: 95.3, precision: 'bfloat16' };
  const test = { images: 10_000, accuracy: 0.9788, loss: 0.07 };
  fs.writeFileSync(
    path.join(output, 'summary.json'),
    JSON.stringify({ ...(summary as object), train, test }),
  );
  // A notebook in a folder `zh` is in Chinese, and so are its figures and its page. Its tutorial writes the English pages
  // again, because they link to the Chinese ones.
  const chinese = read(fixture('small'));
  const code = chinese.cells.filter(({ source }) => /showFigure\(/.test([source].flat().join('')));
  code[0].source = CURVES;
  fs.mkdirSync(path.join(temporary, 'zh'));
  const file = path.join(temporary, 'zh', 'small.ipynb');
  fs.writeFileSync(file, JSON.stringify({ ...chinese, cells: [chinese.cells[0], ...code] }));
  const place = ['--output', path.join(output, 'zh')];
  expect(await command(['scripts/tutorial/tutorial.mjs', ...place, file])).toMatchObject({
    code: 0,
  });
}, 180_000);

test('the cells print what they should, and nothing goes wrong', () => {
  const outputs = read(path.join(output, 'small.ipynb')).cells.flatMap(
    (cell) => cell.outputs ?? [],
  );
  expect(outputs.some(({ name }) => name === 'stderr')).toBe(false);
  const kinds = outputs.flatMap(({ data }) => Object.keys(data ?? {}));
  for (const kind of ['application/vnd.plotly.v1+json', 'image/png', 'text/html'])
    expect(kinds).toContain(kind);
  const printed = outputs.map(({ text }) => [text ?? ''].flat().join('')).join('');
  expect(Number(printed.match(/accuracy ([\d.]+)/)?.[1])).toBeGreaterThan(0.8);
  expect(summary.test).toBeUndefined(); // only notebook 04 measures it
});

test('--save stores the outputs and changes nothing else', () => {
  const [before, after] = [fixture, saved].map((file) => read(file('sections')));
  expect(after.metadata).toEqual(before.metadata);
  expect(after.cells.map(({ source }) => source)).toEqual(before.cells.map(({ source }) => source));
  const kinds = after.cells.flatMap(({ outputs = [] }) => outputs.map(({ name }) => name));
  expect(kinds).toEqual([undefined, 'stdout', undefined, 'stdout']);
});

describeBrowser('pages', () => {
  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(() => browser?.close());
  beforeEach(() => {
    wrong = [];
  });
  afterEach(async () => {
    for (const context of browser.contexts()) await context.close();
    expect(wrong).toEqual([]);
  });

  test('figures are drawn and have text alternatives, also on a page that is moved elsewhere; Plotly is included once', async () => {
    const alone = path.join(output, 'alone');
    fs.mkdirSync(alone, { recursive: true });
    fs.copyFileSync(path.join(output, 'small.html'), path.join(alone, 'small.html'));
    const page = await open('alone/small');
    expect(await page.locator('.scatterlayer .trace path.js-line').count()).toBe(4);
    expect(await page.locator('.figure').getAttribute('role')).toBe('img');
    expect(await page.locator('.figure').getAttribute('aria-label')).toMatch(/A small training/);
    expect(await page.locator('img').getAttribute('alt')).toBe('three digits');
    expect(
      fs.readFileSync(path.join(output, 'small.html'), 'utf8').split('* plotly.js (cartesian')
        .length,
    ).toBe(2);
    await screenshot(page, 'page-desktop');
  });

  test('a Chinese page has Chinese figures and words, and links to the English one and back', async () => {
    const page = await open('zh/small');
    expect(await page.locator('html').getAttribute('lang')).toBe('zh-CN');
    expect(await page.locator('.contents summary').textContent()).toBe('目录');
    expect(await page.locator('.figure .xtitle').first().textContent()).toBe('训练周期（epoch）');
    expect(await page.locator('.figure').getAttribute('aria-label')).toMatch(/^图/);
    await page.click('.language');
    expect(page.url()).toMatch(/pages\/small\.html$/);
    expect(await page.locator('html').getAttribute('lang')).toBe('en');
    await page.click('.language');
    expect(page.url()).toMatch(/pages\/zh\/small\.html$/);
  });

  test.each(['sections', 'small', 'index'])(
    '%s: all text has a contrast of at least 4.5, light and dark',
    async (name) => {
      const page = await open(name);
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme });
        expect(await evaluate<string[]>(page, `(${paleTexts})()`)).toEqual([]);
      }
    },
  );

  test('on a phone nothing is wider than the page, and the contents fold', async () => {
    for (const name of ['index', 'small', 'sections']) {
      const page = await open(name, { ...PHONE, colorScheme: 'dark' });
      const scrolls = (selector: string) =>
        evaluate<boolean>(
          page,
          `(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth)(document.querySelector('${selector}'))`,
        );
      expect(await fitsWidth(page)).toBe(true);
      await screenshot(page, `${name === 'index' ? 'index' : `page-${name}`}-phone-dark`);
      const links = page.locator('.contents nav');
      expect(await links.isVisible()).toBe(false);
      await page.click('.contents summary');
      expect(await links.isVisible()).toBe(true);
      expect(await fitsWidth(page)).toBe(true);
      if (name === 'sections') {
        expect(await scrolls('.wide')).toBe(true);
        expect(await scrolls('pre.stdout')).toBe(true);
      }
      await page.setViewportSize({ width: 844, height: 390 }); // sideways
      expect(await fitsWidth(page)).toBe(true);
    }
  });

  test('plots that are side by side are stacked on a phone', async () => {
    const tops = async (page: Page) => {
      const boxes = await Promise.all(
        [0, 1].map((i) => page.locator('.subplot .gridlayer').nth(i).boundingBox()),
      );
      return boxes.map((box) => Math.round(box!.y));
    };
    const [left, right] = await tops(await open('small'));
    expect(Math.abs(left - right)).toBeLessThan(5);
    const phone = await open('small', PHONE);
    const [upper, lower] = await tops(phone);
    expect(lower - upper).toBeGreaterThan(100);
    const figure = (await phone.locator('.figure').boundingBox())!;
    const next = (await phone.locator('.code').last().boundingBox())!;
    expect(next.y).toBeGreaterThanOrEqual(figure.y + figure.height);
  });

  test('an open page and its figures follow the colour scheme, to dark and back', async () => {
    const page = await open('sections', { ...DESKTOP, colorScheme: 'light' });
    const colors = async () => ({
      paper: await style(page, 'body', 'backgroundColor'),
      text: await style(page, 'body', 'color'),
      figure: await style(page, '.figure .gtitle', 'fill'),
      plot: await style(page, '.figure .main-svg', 'backgroundColor'),
      grid: await style(page, '.figure .gridlayer path', 'stroke'),
      token: await style(page, '.code .kr, .code .k, .code .kd', 'color'),
    });
    const light = await colors();
    await page.emulateMedia({ colorScheme: 'dark' });
    await page.waitForFunction(
      `getComputedStyle(document.querySelector('.figure .gtitle')).fill !== '${light.figure}'`,
    );
    const dark = await colors();
    for (const name of ['paper', 'text', 'figure', 'grid', 'token'] as const)
      expect(dark[name]).not.toBe(light[name]);
    for (const each of [light, dark]) {
      expect(each.figure).toBe(each.text);
      expect(each.plot).toBe('rgba(0, 0, 0, 0)');
    }
    await page.emulateMedia({ colorScheme: 'light' });
    await page.waitForFunction(
      `getComputedStyle(document.querySelector('.figure .gtitle')).fill === '${light.figure}'`,
    );
    expect(await colors()).toEqual(light);
  });

  test('the contents link to sections and pages, and links to notebooks lead to their pages', async () => {
    const page = await open('sections');
    const links = page.locator('.contents ol ol a');
    expect(await links.allTextContents()).toEqual(['A wide table', 'A figure', 'Exercises']);
    expect(await page.locator('.contents [aria-current=page]').textContent()).toBe('0. Sections');
    for (const link of await links.all()) {
      await link.click();
      const anchor = decodeURIComponent(new URL(page.url()).hash.slice(1));
      expect(await page.locator(`[id="${anchor}"]`).count()).toBe(1);
    }
    const heading = page.locator('h2', { hasText: 'A figure' });
    expect(await heading.getAttribute('id')).toBe('A-figure-(图)');
    expect(await heading.locator('[lang=zh]').textContent()).toBe('图');
    await page.click('main >> text=to a section');
    expect(decodeURIComponent(page.url())).toMatch(/#A-figure-\(图\)$/);

    const answer = page.locator('text=There is nothing to answer');
    expect(await answer.isVisible()).toBe(false);
    await page.click('text=Answers');
    expect(await answer.isVisible()).toBe(true);

    await page.click('main >> text=the small notebook');
    expect(page.url()).toMatch(/small\.html$/);
    await page.click('.turn [rel=prev]');
    expect(page.url()).toMatch(/sections\.html$/);
    await page.click('.turn [rel=next]');
    expect(page.url()).toMatch(/small\.html$/);
  });

  test('without JavaScript there is a picture of each figure', async () => {
    const page = await open('sections', { ...DESKTOP, javaScriptEnabled: false });
    const picture = page.locator('main img');
    expect(await picture.count()).toBe(1);
    expect(await picture.getAttribute('alt')).toMatch(/Three bars/);
    expect((await picture.boundingBox())!.height).toBeGreaterThan(100);
    expect(await page.locator('.figure').isVisible()).toBe(false);
    expect(await page.locator('.contents nav').isVisible()).toBe(true);
  });

  test('the index lists the pages with their questions and sections', async () => {
    const page = await open('index');
    expect(await page.locator('.notebook h2 a').allTextContents()).toEqual([
      '0. Sections',
      'A small notebook that uses everything once',
    ]);
    expect(await page.locator('.notebook p').textContent()).toBe(
      'What does a page of several sections look like?',
    );
    await screenshot(page, 'index-desktop');
    await page.click('.notebook >> text=A figure');
    expect(decodeURIComponent(page.url())).toMatch(/sections\.html#A-figure-\(图\)$/);
  });

  test('the index shows the results of training and how to draw a digit', async () => {
    const page = await open('index');
    const facts = await page.locator('.result').textContent();
    expect(facts).toMatch('97.88%accuracy on 10,000 test images');
    expect(facts).toMatch('95 straining time: 1 × 20,000 images, 625 steps in bfloat16');
    await screenshot(page, 'index-result');
    // A page opened as a file cannot load the network, so the link to the draw page gives way to the command.
    expect(await page.locator('.draw').isVisible()).toBe(false);
    expect(await page.locator('.draw-how').textContent()).toBe(
      'To draw your own digit, run npm run draw.',
    );
  });
});
