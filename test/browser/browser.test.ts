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

  test('JupyterLab runs a notebook to its end and draws its curves', async () => {
    // A copy in the project: JupyterLab's root is the project's.
    const work = fs.mkdtempSync(path.join(root, 'build', 'lab-'));
    fs.copyFileSync(
      path.join(__dirname, '../fixtures/small.ipynb'),
      path.join(work, 'small.ipynb'),
    );
    const lab = await startLab();
    try {
      const { page } = await open(false);
      await page.goto(
        `${lab.url}/lab/tree/${path.relative(root, work)}/small.ipynb?token=${lab.token}`,
      );
      await page.waitForSelector('.jp-Notebook .jp-CodeCell', { timeout: 60_000 });
      await page.waitForSelector('.jp-Notebook-ExecutionIndicator[data-status="idle"]', {
        timeout: 60_000,
      });
      await page.click('.jp-Notebook .jp-CodeCell >> nth=0');
      await page.click('text=Run >> nth=0');
      await page.click('text=Run All Cells');
      await page.waitForSelector('text=/accuracy 0\\.\\d+/', { timeout: 300_000 });
      await page.waitForSelector('.js-plotly-plot .trace');
      expect(await drawnTraces(page)).toEqual([4]);
      expect(await page.locator('.jp-OutputArea-output[data-mime-type*="stderr"]').count()).toBe(0);
      expect(await page.locator('.jp-RenderedImage img').count()).toBe(1);
      await page.screenshot({ path: path.join(screenshots, 'lab.png') });
    } finally {
      lab.stop();
      fs.rmSync(work, { recursive: true, force: true });
    }
  }, 480_000);
});

async function startLab(): Promise<{ url: string; token: string; stop: () => void }> {
  const token = 'for-this-test';
  const port = 8890 + (process.pid % 1000);
  const lab: ChildProcess = spawn(
    process.execPath,
    [
      'scripts/lab.mjs',
      '--no-browser',
      `--ServerApp.port=${port}`,
      `--IdentityProvider.token=${token}`,
    ],
    { cwd: root, stdio: 'ignore' },
  );
  const url = `http://localhost:${port}`;
  for (let attempt = 0; attempt < 120; attempt++) {
    const up = await fetch(`${url}/api`).then(
      (response) => response.ok,
      () => false,
    );
    if (up) return { url, token, stop: () => lab.kill('SIGTERM') };
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  lab.kill('SIGTERM');
  throw new Error('JupyterLab did not start within a minute');
}
