/** Our numbers compared with PyTorch's. `npm run bench -- parity` prints the same rows. */
import {
  absolute,
  accumulationSection,
  dropoutSection,
  fingerprint,
  isWithin,
  markdown,
  networkSections,
  othersSection,
  pageWith,
  preprocessingSection,
  readGolden,
  relative,
  row,
  type Section,
  seedValues,
  trainingSection,
} from '../../parity/index';
import { expectNoLeak } from '../support/tensors';

const golden = readGolden();

/** Expects `count` rows, all within their limits, and that docs/parity.md has a place for them. Returns their descriptions. */
async function expectWithin(measure: () => Section[], count: number): Promise<string[]> {
  const sections = await expectNoLeak(measure);
  const rows = sections.flatMap((section) => section.rows);
  expect(rows.filter((row) => !isWithin(row))).toEqual([]);
  expect(rows).toHaveLength(count);
  const tables = sections.map((section) => [section.title, markdown(section)]);
  const page = pageWith('parity', Object.fromEntries(tables));
  for (const [, table] of tables) expect(page).toContain(table);
  return rows.map(({ what }) => what);
}

test('preprocessing', () => expectWithin(() => [preprocessingSection(golden)], 3));

test('initialization; every layer forward, every parameter backward; Grad-CAM and occlusion', async () => {
  // Weights, 11 layers, 2 of softmax, loss; 16 gradients; 3 explanations; 16 parameters and their bounds.
  await expectWithin(() => networkSections(golden), 15 + 16 + 3 + 17);
});

test('the other networks', () => expectWithin(() => [othersSection(golden)], 5 * 2 + 5));

test('both optimizers and a loss curve', () => expectWithin(() => [trainingSection(golden)], 3));

test("accumulation equals a large batch; the article's loop throws away 3 of 4 gradients", async () => {
  const rows = await expectWithin(() => [accumulationSection(golden)], 9);
  const discarded = rows.find((what) => what.includes('gradients thrown away'));
  expect(discarded).toContain('15 of 20 here and 15 in PyTorch');
});

test('dropout', () => expectWithin(() => [dropoutSection(golden)], 4));

describe('the comparison itself', () => {
  const tensor = seedValues(1000, 1, 7);
  const reference = fingerprint(tensor);

  test('detects one changed value, also outside the sample', () => {
    for (const index of [0, 1, 500, 999]) {
      const changed = Float32Array.from(tensor);
      changed[index] += 0.01;
      expect(absolute(fingerprint(changed), reference)).toBeGreaterThan(1e-4);
      expect(relative(fingerprint(changed), reference)).toBeGreaterThan(1e-4);
    }
    expect(absolute(fingerprint(tensor), reference)).toBe(0);
  });

  test('detects the right values in the wrong order', () => {
    const transposed = Float32Array.from(
      tensor,
      (_, i) => tensor[(i % 10) * 100 + Math.floor(i / 10)],
    );
    expect(relative(fingerprint(transposed), reference)).toBeGreaterThan(0.1);
  });

  test('a NaN is never within the limit', () => {
    const broken = Float32Array.from(tensor, (value, i) => (i === 3 ? Number.NaN : value));
    expect(isWithin(row('', absolute(fingerprint(broken), reference), 1))).toBe(false);
  });

  test('the report shows a row beyond its limit in bold', () => {
    const rows = [row('this', 0.5, 1e-4)];
    expect(markdown({ title: '', rows })).toContain('| this | **0.50** | 1.0e-4 |');
  });
});

test("PyTorch's numbers come from a network that computes and learns", () => {
  const { layers, gradients, loss } = golden.network;
  const { gradCam, occlusion } = golden.explanations;
  for (const { max, norm } of Object.values(gradCam)) expect(norm / max).toBeGreaterThan(3);
  expect(Math.max(...occlusion.values)).toBeGreaterThan(0.1);
  for (const { max } of [...Object.values(layers), ...Object.values(gradients)]) {
    expect(max).toBeGreaterThan(0.01);
  }
  expect(loss.value).toBeGreaterThan(1);
  expect(golden.curve.losses).toHaveLength(20);
  expect(golden.curve.losses[19]).toBeLessThan(golden.curve.losses[0] / 2);
  expect(golden.torch).toMatch(/^2\.13\./);
});
