/**
 * The pages that `npm run tutorial` wrote to build/tutorial, offline. Runs only if the variable TUTORIAL_PAGES is set,
 * as in `.ci/run` after the tutorial: at other times the pages may come from older code.
 */
import fs from 'node:fs';
import path from 'node:path';
import type { Browser } from 'playwright-core';
import { launchChromium, openPage } from '../../support/chromium';
import { root } from '../../support/command';
import { describeBrowser } from '../../support/describe-browser';

const folder = path.join(root, 'build', 'tutorial');
const isWanted = Boolean(process.env.TUTORIAL_PAGES);
const pages = isWanted ? fs.readdirSync(folder).filter((name) => name.endsWith('.html')) : ['none'];

interface Output {
  output_type: string;
  text?: string[];
  data?: Record<string, unknown>;
}

/** What the cells of a notebook showed, without the numbers and what depends on the machine. */
function shown(file: string): string[][] {
  const { cells } = JSON.parse(fs.readFileSync(file, 'utf8'));
  const code: { outputs: Output[] }[] = cells.filter(
    (cell: { cell_type: string }) => cell.cell_type === 'code',
  );
  const describe = ({ output_type, text, data = {} }: Output) => {
    const words = [text ?? data['text/plain'] ?? ''].flat().join('');
    return [
      output_type,
      ...Object.keys(data).sort(),
      words
        .replace(/[-–]?\d[\d.,:e-]*/g, '#')
        // Depend on the machine: whether a step takes more than a second, and which number format is used.
        .replace(/# (?:s\/(\w+)|(\w+)\/s)/g, '# $1$2')
        .replaceAll('bfloat#', 'float#')
        .replace(/^precision .*\n/gm, ''), // two runs are compared: shown if they differ
    ].join(' ');
  };
  return code.map(({ outputs }) => outputs.map(describe));
}

// If this fails: npm run tutorial -- --save
(isWanted ? test : test.skip)('the outputs saved in the notebooks are those of this code', () => {
  const names = fs
    .readdirSync(path.join(root, 'notebooks'))
    .filter((name) => /^\d\d-.*\.ipynb$/.test(name));
  for (const name of names) {
    const saved = shown(path.join(root, 'notebooks', name));
    expect([name, ...saved]).toEqual([name, ...shown(path.join(folder, name))]);
  }
});

(isWanted ? describeBrowser : describe.skip)('the pages of the tutorial', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(() => browser?.close());

  test.each(pages)(
    '%s is complete on a phone, in dark mode, offline',
    async (name) => {
      const { page, requests, errors } = await openPage(browser, {
        viewport: { width: 390, height: 844 },
        colorScheme: 'dark',
        offline: true,
      });
      await page.goto(`file://${folder}/${name}`);
      const figures = await page.$$eval('.figure', (places) => places.length);
      await page.waitForFunction(
        `[...document.querySelectorAll('.js-plotly-plot')].filter((plot) => plot.querySelector('.trace, .hm')).length === ${figures}`,
      );
      const drawn = await page.$$eval('.js-plotly-plot', (plots) =>
        plots.map((plot) => ({
          traces: (plot as unknown as { data: unknown[] }).data.length,
          drawn: plot.querySelectorAll('.scatterlayer .trace, .heatmaplayer .hm, .barlayer .trace')
            .length,
        })),
      );
      for (const { traces, drawn: seen } of drawn) expect(seen).toBe(traces);
      expect(await page.evaluate('document.scrollingElement.scrollWidth <= innerWidth')).toBe(true);
      expect(requests.filter((url) => !/^(file|data|blob):/.test(url))).toEqual([]);
      expect(errors).toEqual([]);
      await page.context().close();
    },
    60_000,
  );
});
