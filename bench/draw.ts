/** The draw page with the real network, in headless Chromium without a graphics card. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { exportModel, serve, writePage } from '../src/draw/index';
import { alexnet } from '../src/model/index';
import { saveModel } from '../src/storage/index';
import { launchChromium, openPage } from '../test/support/chromium';
import { type Contender, median } from './measure';

/** Notes the messages of the page's worker. A string, because the browser runs it. */
const SPY = `
  window.answers = [];
  window.Worker = class extends Worker {
    constructor(...args) {
      super(...args);
      this.addEventListener('message', ({ data }) => {
        if (data.kind === 'ready') window.isReady = true;
        if (data.kind === 'answer') answers.push(data.milliseconds);
      });
    }
  };
`;

/** How long a pen draws in each round. */
const DRAWING_SECONDS = 4;

/** Serves the page with the network at 227×227, whose weights do not matter. */
export async function openDrawPage(): Promise<{
  contenders: Contender[];
  close: () => Promise<void>;
}> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'alexnet-draw-'));
  const model = alexnet();
  await saveModel(model, path.join(folder, 'saved'));
  model.dispose();
  await exportModel(path.join(folder, 'saved'), await writePage(folder));
  const site = await serve(folder, 0);
  const browser = await launchChromium();
  const { page } = await openPage(browser, { viewport: { width: 1100, height: 1000 } });
  await page.addInitScript(SPY);

  const open = async () => {
    const started = performance.now();
    await page.goto(`${site.url}draw/`);
    await page.waitForFunction('window.isReady');
    return (performance.now() - started) / 1000;
  };
  /** Moves the pen for so many seconds and returns how long each reading took, in seconds. */
  const draw = async (seconds: number) => {
    const paper = (await page.locator('#paper').boundingBox())!;
    const move = (share: number) =>
      page.mouse.move(
        paper.x + paper.width * (0.3 + 0.4 * Math.abs(Math.sin(5 * share))),
        paper.y + paper.height * (0.2 + 0.6 * share),
      );
    await move(0);
    await page.mouse.down();
    const started = performance.now();
    for (let now = 0; now < seconds; now = (performance.now() - started) / 1000) {
      await move(now / seconds);
      await page.waitForTimeout(16);
    }
    await page.mouse.up();
    await page.waitForTimeout(1000);
    const taken = (await page.evaluate('answers.splice(0)')) as number[];
    return taken.map((milliseconds) => milliseconds / 1000);
  };
  const contender = (name: string, ask: () => Promise<number>): Contender => ({
    name: `the draw page, ${name}`,
    ask: async () => ({ seconds: await ask() }),
  });
  return {
    contenders: [
      contender('from opening to ready', open),
      contender('a reading while drawing', async () => median(await draw(DRAWING_SECONDS))),
      contender('from one reading to the next meanwhile', async () => {
        return DRAWING_SECONDS / (await draw(DRAWING_SECONDS)).length;
      }),
      contender('a reading with the pen at rest', async () => (await draw(0)).at(-1)!),
    ],
    close: async () => {
      await browser.close();
      await site.close();
      fs.rmSync(folder, { recursive: true, force: true });
    },
  };
}
