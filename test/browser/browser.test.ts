/**
 * What a reader sees, in a real browser: a notebook run in JupyterLab, and its page with no network.
 * Needs Chromium (the variable CHROMIUM names another place); without one it says so and skips.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { command, root } from '../support/command';
import { temporaryFolder } from '../support/idx';

const executablePath = [
  process.env.CHROMIUM,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
].find((file) => file && fs.existsSync(file));
if (!executablePath)
  console.warn(
    'No Chromium here: the browser tests are skipped (Debian: apt-get install chromium)',
  );
const describeBrowser = executablePath ? describe : describe.skip;

const temporary = temporaryFolder();
const screenshots = path.join(root, 'build', 'screenshots');
let browser: Browser;

async function open(offline: boolean): Promise<{ page: Page; requests: string[] }> {
  const context = await browser.newContext({ viewport: { width: 1100, height: 1400 }, offline });
  const page = await context.newPage();
  const requests: string[] = [];
  page.on('request', (request) => requests.push(request.url()));
  return { page, requests };
}

/** Every figure's traces: for each, how many lines or cells are drawn. */
const drawnTraces = (page: Page) =>
  page.$$eval('.js-plotly-plot', (plots) =>
    plots.map(
      (plot) =>
        plot.querySelectorAll(
          '.scatterlayer .trace path.js-line, .heatmaplayer image, .bars .point',
        ).length,
    ),
  );

describeBrowser('in a browser', () => {
  beforeAll(async () => {
    fs.mkdirSync(screenshots, { recursive: true });
    browser = await chromium.launch({
      executablePath,
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    });
  });
  afterAll(() => browser?.close());

  test('a page shows its figures with the network off', async () => {
    const notebook = path.join(__dirname, '../fixtures/small.ipynb');
    const output = path.join(temporary, 'pages');
    expect((await command(['scripts/tutorial.mjs', '--output', output, notebook])).code).toBe(0);
    const { page, requests } = await open(true);
    const errors: string[] = [];
    page.on('pageerror', (error) => errors.push(error.message));
    await page.goto(`file://${output}/small.html`);
    await page.waitForSelector('.js-plotly-plot .trace');
    expect(await drawnTraces(page)).toEqual([4]); // training and validation, loss and accuracy
    expect(
      await page
        .locator('img')
        .evaluateAll((images) =>
          images.map((i) => (i as unknown as { naturalWidth: number }).naturalWidth > 0),
        ),
    ).toEqual([true]);
    expect(requests.filter((url) => !/^(file|data|blob):/.test(url))).toEqual([]);
    expect(errors).toEqual([]);
    await page.screenshot({ path: path.join(screenshots, 'page.png'), fullPage: true });
  }, 180_000);

  describe('JupyterLab', () => {
    let lab: { url: string; token: string; stop: () => Promise<void> };
    let work: string;
    beforeAll(async () => {
      // Copies in the project, since JupyterLab's root is the project's, and with a run folder of their own.
      fs.mkdirSync(path.join(root, 'build'), { recursive: true });
      work = fs.mkdtempSync(path.join(root, 'build', 'lab-'));
      const run = path.relative(root, path.join(work, 'run'));
      const sources = [path.join(__dirname, '../fixtures'), path.join(root, 'notebooks')];
      for (const folder of sources) {
        for (const name of fs.readdirSync(folder).filter((each) => each.endsWith('.ipynb'))) {
          const text = fs.readFileSync(path.join(folder, name), 'utf8');
          fs.writeFileSync(path.join(work, name), text.replaceAll('runs/tutorial', run));
        }
      }
      lab = await startLab();
    }, 120_000);
    afterAll(async () => {
      await lab?.stop();
      if (work) fs.rmSync(work, { recursive: true, force: true });
    });

    /** A notebook, opened and ready. */
    async function openNotebook(name: string): Promise<Page> {
      const { page } = await open(false);
      const place = `${path.relative(root, work)}/${name}.ipynb`;
      await page.goto(`${lab.url}/lab/tree/${place}?token=${lab.token}&reset`);
      await page.waitForSelector('.jp-Notebook .jp-CodeCell', { timeout: 60_000 });
      await page.waitForSelector('.jp-Notebook-ExecutionIndicator[data-status="idle"]', {
        timeout: 60_000,
      });
      return page;
    }

    /** JupyterLab drops what it is told before its kernel is there, and shows that it is idle before. */
    async function runAll(page: Page): Promise<void> {
      for (let attempt = 1; ; attempt++) {
        await page.waitForTimeout(1000);
        const accept = page.locator('.jp-Dialog .jp-mod-accept'); // it asks which kernel, if it is slow to come
        if (await accept.count()) await accept.first().click();
        await page.click('.jp-Notebook .jp-CodeCell >> nth=0');
        await page.click('text=Run >> nth=0');
        await page.click('text=Run All Cells');
        try {
          await page.waitForFunction(RUNNING, undefined, { timeout: 10_000 });
          return;
        } catch (error) {
          if (attempt === 5) throw error;
        }
      }
    }

    const RUNNING = `[...document.querySelectorAll('.jp-InputPrompt')].some((prompt) => prompt.textContent.includes('[*]'))`;
    const finished = (page: Page) =>
      page.waitForFunction(`!(${RUNNING})`, undefined, { timeout: 480_000, polling: 1000 });

    /** No cell failed, every figure has drawn each of its traces, and every picture is one. */
    async function expectWhole(page: Page): Promise<number> {
      const errors = '.jp-OutputArea-output[data-mime-type*="stderr"]';
      expect(await page.locator(errors).allTextContents()).toEqual([]);
      const figures = await page.$$eval('.js-plotly-plot', (plots) =>
        plots.map((plot) => ({
          traces: (plot as unknown as { data: unknown[] }).data.length,
          drawn: plot.querySelectorAll('.scatterlayer .trace, .heatmaplayer .hm, .barlayer .trace')
            .length,
        })),
      );
      for (const { traces, drawn } of figures) expect(drawn).toBe(traces);
      const widths = await page.$$eval('.jp-RenderedImage img', (images) =>
        images.map((image) => (image as unknown as { naturalWidth: number }).naturalWidth),
      );
      for (const width of widths) expect(width).toBeGreaterThan(0);
      return figures.length;
    }

    /** The whole notebook as a picture, to be looked at. */
    async function picture(page: Page, name: string): Promise<void> {
      const notebook = page.locator('.jp-WindowedPanel-viewport').first();
      const height = 200 + (await notebook.evaluate((element) => element.scrollHeight));
      await page.setViewportSize({ width: 1100, height: Math.min(9000, height) });
      await page.waitForTimeout(500); // figures take their size
      await page.screenshot({ path: path.join(screenshots, `${name}.png`) });
    }

    test('a cell run again replaces its figures', async () => {
      const page = await openNotebook('small');
      const outputs: number[] = [];
      for (const _ of [1, 2]) {
        await runAll(page);
        await finished(page);
        await page.waitForSelector('.js-plotly-plot .trace');
        await expectWhole(page);
        outputs.push(await page.locator('.jp-OutputArea-output').count());
      }
      expect(outputs[1]).toBe(outputs[0]);
      await page.context().close();
    }, 300_000);

    test('notebook 3 trains with a figure that changes, and stops where it is told', async () => {
      const page = await openNotebook('03-train');
      await runAll(page);
      const points = () =>
        page.$eval('.js-plotly-plot[data-drawings]', (plot) => {
          const { data } = plot as unknown as { data: { x: number[] }[] };
          return data[0].x.length;
        });
      const drawn = (least: number) =>
        page.waitForFunction(
          `document.querySelector('.js-plotly-plot[data-drawings]')?.dataset.drawings >= ${least}`,
          undefined,
          { timeout: 300_000 },
        );
      await drawn(1);
      const plot = await page.$('.js-plotly-plot[data-drawings]');
      const seen = [await points()];
      for (const times of [2, 3]) {
        await drawn(times);
        seen.push(await points());
      }
      expect(seen[1]).toBeGreaterThan(seen[0]);
      expect(seen[2]).toBeGreaterThan(seen[1]);
      expect(await plot!.evaluate((element) => element.isConnected)).toBe(true); // in place
      await plot!.scrollIntoViewIfNeeded();
      await page.screenshot({ path: path.join(screenshots, 'training.png') });
      await page.click('[data-command="notebook:interrupt-kernel"]');
      await finished(page);
      expect(await expectWhole(page)).toBe(1);
      expect(await page.locator('.js-plotly-plot[data-drawings]').count()).toBe(0);
      await picture(page, '03-train');
      await page.context().close();
    }, 600_000);

    // In this order: 4 and 5 look at what 3 trained.
    test.each([
      ['01-network', 1, 0],
      ['02-data', 1, 3],
      ['04-predict', 5, 3],
      ['05-visualise', 3, 5],
      ['06-go-further', 2, 1],
    ])(
      '%s runs to its end, with every figure drawn',
      async (name, figures, pictures) => {
        const page = await openNotebook(name);
        await runAll(page);
        await finished(page);
        await page.waitForFunction(
          `[...document.querySelectorAll('.js-plotly-plot')].filter((plot) => plot.querySelector('.main-svg')).length >= ${figures}`,
          undefined,
          { timeout: 60_000 },
        );
        expect(await expectWhole(page)).toBe(figures);
        expect(await page.locator('.jp-RenderedImage img').count()).toBe(pictures);
        await picture(page, name);
        await page.context().close();
      },
      600_000,
    );
  });
});

async function startLab(): Promise<{ url: string; token: string; stop: () => Promise<void> }> {
  const token = 'for-this-test';
  const port = 8890 + (process.pid % 1000);
  // All cells are in the page, not only those that are to be seen.
  const settings = path.join(temporary, 'settings', '@jupyterlab', 'notebook-extension');
  fs.mkdirSync(settings, { recursive: true });
  fs.writeFileSync(
    path.join(settings, 'tracker.jupyterlab-settings'),
    JSON.stringify({ windowingMode: 'none' }),
  );
  const lab: ChildProcess = spawn(
    process.execPath,
    [
      'scripts/lab.mjs',
      '--no-browser',
      `--ServerApp.port=${port}`,
      `--IdentityProvider.token=${token}`,
    ],
    {
      cwd: root,
      stdio: 'ignore',
      env: { ...process.env, JUPYTERLAB_SETTINGS_DIR: path.join(temporary, 'settings') },
    },
  );
  const ended = new Promise<void>((resolve) => lab.once('exit', () => resolve()));
  const stop = () => {
    lab.kill('SIGTERM');
    return ended;
  };
  const url = `http://localhost:${port}`;
  for (let attempt = 0; attempt < 120; attempt++) {
    const up = await fetch(`${url}/api`).then(
      (response) => response.ok,
      () => false,
    );
    if (up) return { url, token, stop };
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  await stop();
  throw new Error('JupyterLab did not start within a minute');
}
