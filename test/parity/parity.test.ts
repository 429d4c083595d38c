/** Our numbers beside PyTorch's (parity/reference/parity.py). `npm run parity` prints the same as a page. */
import { absolute, digest, readGolden, relative, seedValues } from '../../parity/golden';
import { networkSections } from '../../parity/network';
import { isWithin, markdown, type Section } from '../../parity/sections';
import {
  dropoutSection,
  initialisationSection,
  preprocessingSection,
} from '../../parity/statistics';
import { accumulationSection, trainingSection } from '../../parity/training';
import { expectNoLeak } from '../support/tensors';

const golden = readGolden();

/** Measures, and expects as many rows as named, all within their limits. */
async function expectWithin(measure: () => Section[], rows: number): Promise<string[]> {
  const sections = await expectNoLeak(measure);
  const all = sections.flatMap((section) => section.rows);
  expect(all.filter((row) => !isWithin(row))).toEqual([]);
  expect(all).toHaveLength(rows);
  return all.map(({ what }) => what);
}

test('preprocessing', () => expectWithin(() => [preprocessingSection(golden)], 3));

test('every layer forward and every parameter backward', async () => {
  // Weights, 11 layers, 2 of softmax, loss; 16 gradients.
  await expectWithin(() => networkSections(golden), 15 + 16);
});

test('AdamW and a loss curve', () => expectWithin(() => [trainingSection(golden)], 2));

test("accumulation equals a large batch, and the article's loop throws 3 of 4 gradients away", async () => {
  const rows = await expectWithin(() => [accumulationSection(golden)], 9);
  expect(rows[8]).toContain('15 of 20 here and 15 in PyTorch');
});

test('initialisation', () => expectWithin(() => [initialisationSection(golden)], 17));

test('dropout', () => expectWithin(() => [dropoutSection(golden)], 4));

describe('the comparison itself', () => {
  const tensor = seedValues(1000, 1, 7);
  const reference = digest(tensor);

  test('sees one value of many, outside the sample too', () => {
    for (const index of [0, 1, 500, 999]) {
      const changed = Float32Array.from(tensor);
      changed[index] += 0.01;
      expect(absolute(digest(changed), reference)).toBeGreaterThan(1e-4);
      expect(relative(digest(changed), reference)).toBeGreaterThan(1e-4);
    }
    expect(absolute(digest(tensor), reference)).toBe(0);
  });

  test('sees the right values in the wrong order', () => {
    const turned = Float32Array.from(tensor, (_, i) => tensor[(i % 10) * 100 + Math.floor(i / 10)]);
    expect(relative(digest(turned), reference)).toBeGreaterThan(0.1);
  });

  test('a NaN is no small difference', () => {
    const broken = Float32Array.from(tensor, (value, i) => (i === 3 ? Number.NaN : value));
    const measured = absolute(digest(broken), reference);
    expect(isWithin({ what: '', measured, limit: 1 })).toBe(false);
  });

  test('a row beyond its limit stands out on the page', () => {
    const rows = [{ what: 'this', measured: 0.5, limit: 1e-4 }];
    expect(markdown({ title: '', text: '', rows })).toContain('| this | **0.50** | 1.0e-4 |');
  });
});

test('the golden numbers are those of a network that computes and learns', () => {
  const { layers, gradients, loss } = golden.network;
  for (const { max } of [...Object.values(layers), ...Object.values(gradients)]) {
    expect(max).toBeGreaterThan(0.01);
  }
  expect(loss.value).toBeGreaterThan(1);
  expect(golden.curve.losses).toHaveLength(20);
  expect(golden.curve.losses[19]).toBeLessThan(golden.curve.losses[0] / 2);
  expect(golden.torch).toMatch(/^2\.13\./);
});
