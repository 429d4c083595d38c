/** The draw page with the real network, in headless Chromium: until it is ready, and how often it reads. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { exportModel, serve, writePage } from '../src/draw/index';
import { alexnet } from '../src/model/index';
import { saveModel } from '../src/storage/index';
import { launchChromium, openPage } from '../test/support/chromium';
import type { Sizes } from './contender';
import { median } from './measure';
import { machine, markdownTable, type Report } from './report';

/** An answer of the page's worker: when it came, and how long it took. In milliseconds. */
interface Answer {
  at: number;
  took: number;
}

/** Notes the messages of the page's worker. A string, because the browser runs it. */
const SPY = `
  window.answers = [];
  window.Worker = class extends Worker {
    constructor(...args) {
      super(...args);
      this.addEventListener('message', ({ data }) => {
        if (data.kind === 'ready') window.readyAt = performance.now();
        if (data.kind === 'answer') answers.push({ at: performance.now(), took: data.milliseconds });
      });
    }
  };
`;

/** Times the page with the network at 227×227, whose weights do not matter. */
export async function measureDraw(sizes: Sizes): Promise<Report> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'alexnet-draw-'));
  const browser = await launchChromium();
  try {
    const model = alexnet();
    await saveModel(model, path.join(folder, 'saved'));
    model.dispose();
    await exportModel(path.join(folder, 'saved'), await writePage(folder));
    const site = await serve(folder, 0);
    const { page } = await openPage(browser, { viewport: { width: 1100, height: 1000 } });
    await page.addInitScript(SPY);
    const opened = performance.now();
    await page.goto(`${site.url}draw/`);
    await page.waitForFunction('window.readyAt');
    const ready = (performance.now() - opened) / 1000;

    const paper = (await page.locator('#paper').boundingBox())!;
    const place = (share: number): [number, number] => [
      paper.x + paper.width * (0.3 + 0.4 * Math.abs(Math.sin(5 * share))),
      paper.y + paper.height * (0.2 + 0.6 * share),
    ];
    await page.mouse.move(...place(0));
    await page.mouse.down();
    const started = performance.now();
    const SECONDS = 8;
    for (let now = 0; now < 1000 * SECONDS; now = performance.now() - started) {
      await page.mouse.move(...place(now / 1000 / SECONDS));
      await page.waitForTimeout(16);
    }
    await page.mouse.up();
    await page.waitForTimeout(1000);
    const drawing = (await page.evaluate('answers.splice(0)')) as Answer[];
    // At rest: each Undo and stroke asks once.
    for (let i = 0; i < 9; i++) {
      await page.mouse.move(...place(0.1));
      await page.mouse.down();
      await page.mouse.move(...place(0.12));
      await page.mouse.up();
      await page.waitForTimeout(700);
    }
    const resting = (await page.evaluate('answers.splice(0)')) as Answer[];
    await site.close();
    const device = await page.locator('#status').textContent();
    const json = {
      machine: machine(sizes),
      ready,
      perSecond: drawing.length / SECONDS,
      drawing: median(drawing.map(({ took }) => took)),
      resting: median(resting.map(({ took }) => took)),
    };
    const rows = [
      ['from opening to ready', `${ready.toFixed(1)} s`],
      ['a reading while drawing', `${json.drawing.toFixed(0)} ms`],
      ['readings per second meanwhile', json.perSecond.toFixed(1)],
      ['a reading with the pen at rest', `${json.resting.toFixed(0)} ms`],
    ];
    const text = `${device?.match(/runs on [^.]*/)?.[0]}\n\n${markdownTable(['draw page', ''], rows)}`;
    return { name: 'draw', json, text };
  } finally {
    await browser.close();
    fs.rmSync(folder, { recursive: true, force: true });
  }
}
