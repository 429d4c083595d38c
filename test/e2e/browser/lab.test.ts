/**
 * What a reader sees: every notebook run in a real JupyterLab in a real browser.
 * Needs Chromium (the variable CHROMIUM names another place); without one it says so and skips.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { describeBrowser, launchChromium, openPage } from '../../support/chromium';
import { root } from '../../support/command';
import { temporaryFolder } from '../../support/idx';

const temporary = temporaryFolder();
const screenshots = path.join(root, 'build', 'screenshots');

describeBrowser('JupyterLab', () => {
  let browser: Browser;
  let lab: { url: string; token: string; stop: () => Promise<void> };
  let work: string;
  beforeAll(async () => {
    fs.mkdirSync(screenshots, { recursive: true });
    browser = await launchChromium();
    // Copies in the project, since JupyterLab's root is the project's, and with a run folder of their own.
    fs.mkdirSync(path.join(root, 'build'), { recursive: true });
    work = fs.mkdtempSync(path.join(root, 'build', 'lab-'));
    const run = path.relative(root, path.join(work, 'run'));
    const sources = [path.join(__dirname, '../../fixtures'), path.join(root, 'notebooks')];
    for (const folder of sources) {
      for (const name of fs.readdirSync(folder).filter((each) => each.endsWith('.ipynb'))) {
        const text = fs.readFileSync(path.join(folder, name), 'utf8');
        fs.writeFileSync(path.join(work, name), text.replaceAll('runs/tutorial', run));
      }
    }
    lab = await startLab();
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await lab?.stop();
    if (work) fs.rmSync(work, { recursive: true, force: true });
  });

  /** A notebook, opened and ready. */
  async function openNotebook(name: string): Promise<Page> {
    const { page } = await openPage(browser, { viewport: { width: 1100, height: 1400 } });
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

  test('a cell run again replaces its figures, and leaves no tensors', async () => {
    const page = await openNotebook('small');
    const outputs: number[] = [];
    const tensors: string[] = [];
    for (const _ of [1, 2]) {
      await runAll(page);
      await finished(page);
      await page.waitForSelector('.js-plotly-plot .trace');
      await expectWhole(page);
      outputs.push(await page.locator('.jp-OutputArea-output').count());
      tensors.push((await page.locator('text=/^\\d+ tensors$/m').last().textContent()) ?? '');
    }
    expect(outputs[1]).toBe(outputs[0]);
    expect(tensors[0]).toMatch(/[1-9]\d* tensors/);
    expect(tensors[1].match(/\d+ tensors/)).toEqual(tensors[0].match(/\d+ tensors/));
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
