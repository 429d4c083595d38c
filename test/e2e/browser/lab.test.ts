/**
 * A real JupyterLab in a real browser: training, with a smaller network, and a notebook that uses what it trained. The
 * others are opened with their saved outputs. (`.ci/run` runs them all, unchanged.)
 */
import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { launchChromium, screenshot } from '../../support/chromium';
import { root } from '../../support/command';
import { describeBrowser } from '../../support/describe-browser';
import { temporaryFolder } from '../../support/idx';
import { checkLoopback } from '../../support/loopback';

const temporary = temporaryFolder();
const viewport = { width: 1100, height: 1400 };

// 63 is the smallest input that AlexNet takes. Training must not end before the test presses the stop button.
const changes: Record<string, (readonly [string, string])[]> = {
  '04-training': [
    ['alexnet({ seed', 'alexnet({ inputSize: 63, seed'],
    ['epochs: profile.epochs', 'epochs: 1000'],
    ['showTraining()', 'showTraining({ seconds: 1 })'],
  ],
  '05-prediction': [
    ["loadDataset('test')", "slice(loadDataset('test'), 0, 1000)"],
    ['six, 227', 'six, 63'],
  ],
};

/** Two kernels run at the same time. In the first lane, the second notebook uses what the first trained. */
const lanes: Record<string, (page: Page) => Promise<void>>[] = [
  {
    '04-training': trainAndStop,
    '05-prediction': runToEnd,
  },
  {
    small: runTwice,
    '00-start': (page) => expectShown(page, { figures: 1, pictures: 2 }),
    '01-network': (page) => expectShown(page, { figures: 1, pictures: 3 }),
    '02-data': (page) => expectShown(page, { figures: 1, pictures: 4 }),
    '03-step': (page) => expectShown(page, { figures: 4, pictures: 0 }),
    '06-inside': (page) => expectShown(page, { figures: 4, pictures: 6 }),
    '07-further': (page) => expectShown(page, { figures: 5, pictures: 5 }),
  },
];

describeBrowser('JupyterLab', () => {
  let browser: Browser;
  let lab: Lab;
  let work: string;
  /** By notebook: resolves to what went wrong, if anything. */
  const outcomes: Record<string, Promise<unknown>> = {};

  beforeAll(async () => {
    await checkLoopback();
    // JupyterLab serves the project's folder only.
    const build = path.join(root, 'build');
    fs.mkdirSync(build, { recursive: true });
    work = fs.mkdtempSync(path.join(build, 'lab-'));
    for (const name of lanes.flatMap(Object.keys)) copyNotebook(name, work);
    [browser, lab] = await Promise.all([launchChromium(), startLab()]);
    const context = await browser.newContext({ viewport });
    for (const lane of lanes) {
      const window = openWindow(context, lab, `lane-${lanes.indexOf(lane)}`);
      let previous: Promise<unknown> = window;
      for (const [name, job] of Object.entries(lane)) {
        const run = previous.then(async () => {
          const page = await window;
          await openNotebook(page, `${path.relative(root, work)}/${name}.ipynb`);
          await job(page);
          const notebook = page.locator('.jp-WindowedPanel-viewport').first();
          const height = await notebook.evaluate((element) => element.scrollHeight);
          await screenshot(page, name, Math.min(9000, 200 + height));
        });
        previous = outcomes[name] = run.catch((error) => error);
      }
    }
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await lab?.stop();
    if (work) fs.rmSync(work, { recursive: true, force: true });
  });

  test.each([
    ['small', 'a cell that runs again replaces its figures and leaks no tensors'],
    ['04-training', 'the figure grows in place; the stop button ends training, not the notebook'],
    ['05-prediction', 'all figures are drawn'],
    ['00-start', 'the saved outputs are shown'],
    ['01-network', 'the saved outputs are shown'],
    ['02-data', 'the saved outputs are shown'],
    ['03-step', 'the saved outputs are shown'],
    ['06-inside', 'the saved outputs are shown'],
    ['07-further', 'the saved outputs are shown'],
  ])(
    '%s: %s',
    async (name) => {
      const error = await outcomes[name];
      if (error) throw error;
    },
    600_000,
  );
});

function copyNotebook(name: string, to: string): void {
  const folder = name === 'small' ? path.join(root, 'test/fixtures') : path.join(root, 'notebooks');
  let text = fs.readFileSync(path.join(folder, `${name}.ipynb`), 'utf8');
  for (const [before, after] of changes[name] ?? []) {
    expect(text).toContain(before);
    text = text.replaceAll(before, after);
  }
  text = text.replaceAll('runs/tutorial', path.relative(root, path.join(to, 'run')));
  fs.writeFileSync(path.join(to, `${name}.ipynb`), text);
}

/** Opens JupyterLab. Each window that is open at the same time needs its own workspace. */
async function openWindow(context: BrowserContext, lab: Lab, workspace: string): Promise<Page> {
  const page = await context.newPage();
  await page.goto(`${lab.url}/lab/workspaces/${workspace}?token=${lab.token}`);
  // In one call, because JupyterLab may load its page again meanwhile.
  const restored = 'window.jupyterapp && jupyterapp.restored.then(() => true)';
  await page.waitForFunction(restored, undefined, { timeout: 60_000 });
  return page;
}

/** Opens a notebook in the kernel of the previous one: a new kernel would compile `src/` again. */
async function openNotebook(page: Page, file: string): Promise<void> {
  await page.evaluate(`(async () => {
    const kernel = window.panel?.sessionContext.session.kernel;
    window.panel?.dispose();
    window.panel = await jupyterapp.commands.execute('docmanager:open', { path: '${file}', kernel });
    await panel.sessionContext.ready;
  })()`);
}

/** Resolves when the last cell has ended. */
async function runAll(page: Page): Promise<void> {
  await page.evaluate("jupyterapp.commands.execute('notebook:run-all-cells')");
}

async function runToEnd(page: Page): Promise<void> {
  await runAll(page);
  await expectShown(page, { figures: 5, pictures: 4 });
}

async function expectShown(
  page: Page,
  { figures, pictures }: { figures: number; pictures: number },
): Promise<void> {
  await expectDrawn(page, figures);
  expect(await page.locator('.jp-RenderedImage img').count()).toBe(pictures);
}

async function runTwice(page: Page): Promise<void> {
  const look = async () => {
    await runAll(page);
    await expectDrawn(page, 1);
    return {
      outputs: await page.locator('.jp-OutputArea-output').count(),
      tensors: (await page.textContent('.jp-Notebook'))?.match(/(\d+) tensors/)?.[1],
    };
  };
  const first = await look();
  expect(Number(first.tensors)).toBeGreaterThan(0);
  expect(await look()).toEqual(first);
}

async function trainAndStop(page: Page): Promise<void> {
  const ended = runAll(page);
  const live = '.js-plotly-plot[data-drawings]';
  const points = `(document.querySelector('${live}')?.data[0].x.length ?? 0)`;
  let seen = 0;
  for (const drawing of ['first', 'second', 'third']) {
    await page.waitForFunction(`${points} > ${seen}`, undefined, { timeout: 300_000 });
    seen = await page.evaluate(points);
    await page.evaluate(`window.${drawing} = document.querySelector('${live}')`);
  }
  expect(await page.evaluate('first === third && first.isConnected')).toBe(true); // not replaced
  await page.locator(live).scrollIntoViewIfNeeded();
  await screenshot(page, 'training', viewport.height);
  await page.click('[data-command="notebook:interrupt-kernel"]');
  await ended;
  await expectDrawn(page, 1);
  expect(await page.locator(live).count()).toBe(0);
}

/** Expects that no cell failed, that every figure shows all its traces, and that every picture loaded. */
async function expectDrawn(page: Page, figures: number): Promise<void> {
  const errors = page.locator('.jp-OutputArea-output[data-mime-type*="stderr"]');
  expect(await errors.allTextContents()).toEqual([]);
  await page.waitForFunction(
    `document.querySelectorAll('.js-plotly-plot .main-svg:first-child').length >= ${figures}`,
    undefined,
    { timeout: 60_000 },
  );
  const drawn = await page.$$eval('.js-plotly-plot', (plots) =>
    plots.map((plot) => ({
      wanted: (plot as unknown as { data: unknown[] }).data.length,
      found: plot.querySelectorAll('.scatterlayer .trace, .heatmaplayer .hm, .barlayer .trace')
        .length,
    })),
  );
  expect(drawn.length).toBe(figures);
  for (const { wanted, found } of drawn) expect(found).toBe(wanted);
  const widths = await page.$$eval('.jp-RenderedImage img', (images) =>
    images.map((image) => (image as unknown as { naturalWidth: number }).naturalWidth),
  );
  for (const width of widths) expect(width).toBeGreaterThan(0);
}

interface Lab {
  url: string;
  token: string;
  stop(): Promise<void>;
}

async function startLab(): Promise<Lab> {
  const token = 'for-this-test';
  const port = 8890 + (process.pid % 1000);
  // By default JupyterLab renders only the cells in view.
  const settings = path.join(temporary, 'settings', '@jupyterlab', 'notebook-extension');
  fs.mkdirSync(settings, { recursive: true });
  fs.writeFileSync(
    path.join(settings, 'tracker.jupyterlab-settings'),
    JSON.stringify({ windowingMode: 'none' }),
  );
  const lab: ChildProcess = spawn(
    process.execPath,
    [
      'scripts/tutorial/lab.mjs',
      '--no-browser',
      '--expose-app-in-browser',
      `--ServerApp.port=${port}`,
      `--IdentityProvider.token=${token}`,
    ],
    {
      cwd: root,
      stdio: 'ignore',
      env: {
        ...process.env,
        JUPYTERLAB_SETTINGS_DIR: path.join(temporary, 'settings'),
        JUPYTERLAB_WORKSPACES_DIR: path.join(temporary, 'workspaces'),
      },
    },
  );
  const ended = new Promise<void>((resolve) => lab.once('exit', () => resolve()));
  const stop = () => {
    lab.kill('SIGTERM');
    return ended;
  };
  const url = `http://localhost:${port}`;
  for (let attempt = 0; attempt < 300; attempt++) {
    const up = await fetch(`${url}/api`).then(
      (response) => response.ok,
      () => false,
    );
    if (up) return { url, token, stop };
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  await stop();
  throw new Error('JupyterLab did not start within a minute');
}
