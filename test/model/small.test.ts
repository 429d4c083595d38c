/** The small network that notebooks start with, and its weights in the repository. */
import fs from 'node:fs';
import path from 'node:path';
import { loadDataset, slice } from '../../src/data/index';
import { evaluate } from '../../src/evaluate/index';
import { layerTable, SMALL, totals } from '../../src/model/index';
import { loadModel } from '../../src/storage/index';

const folder = path.join(__dirname, '..', '..', 'notebooks', 'small', 'model');

test('its size: 240,058 parameters, and at most 500 KB in the repository', () => {
  expect(totals(layerTable(SMALL.layers, SMALL)).parameters).toBe(240_058);
  const bytes = fs.readdirSync(folder).map((name) => fs.statSync(path.join(folder, name)).size);
  expect(bytes.reduce((a, b) => a + b)).toBeLessThan(500_000);
});

test('it reads at least 98% of the first 1,000 test images', async () => {
  const model = await loadModel(folder);
  const { accuracy } = await evaluate(model, slice(loadDataset('test'), 0, 1000));
  model.dispose();
  expect(accuracy).toBeGreaterThan(0.98);
});
