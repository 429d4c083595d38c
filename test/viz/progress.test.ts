import { progressLine, streamProgress } from '../../src/viz/index';

const progress = {
  label: 'Epoch 2/5',
  done: 203,
  total: 469,
  unit: 'batch',
  seconds: 121.5,
  details: 'loss=0.081, acc=97.6%',
};

test("a line in tqdm's form", () => {
  expect(progressLine(progress)).toBe(
    'Epoch 2/5:  43%|██████▉         | 203/469 [02:02<02:39, 1.67 batch/s, loss=0.081, acc=97.6%]',
  );
  expect(progressLine({ ...progress, done: 469, seconds: 4690, details: undefined })).toBe(
    'Epoch 2/5: 100%|████████████████| 469/469 [1:18:10<00:00, 10.00 s/batch]',
  );
});

test('at its start, the speed and the time left are unknown', () => {
  expect(progressLine({ ...progress, done: 0, seconds: 0, details: undefined })).toBe(
    `Epoch 2/5:   0%|${' '.repeat(16)}| 0/469 [00:00<?, ? batch/s]`,
  );
});

/** What `streamProgress` writes to a stream. */
function written(isTTY: boolean, columns: number, lines = [progress]): string[] {
  const texts: string[] = [];
  const write = (text: string) => texts.push(text);
  const listener = streamProgress({ isTTY, columns, write } as unknown as NodeJS.WriteStream);
  for (const line of lines) listener(line);
  return texts;
}
const steps = [1, 2, 3].map((done) => ({ ...progress, done, total: 3 }));

test('a log gets the end of each task', () => {
  const [line, ...others] = written(false, 40, steps);
  expect(line).toMatch(/ 3\/3 .*\n$/);
  expect(others).toEqual([]);
});

test('a terminal gets one updated line', () => {
  const texts = written(true, 120, steps);
  expect(texts.filter((text) => text.startsWith('Epoch')).length).toBe(2); // 10 per second at most
  expect(texts.at(-1)).toBe('\n');
});

test('a dumb terminal gets what a log gets', () => {
  const { TERM } = process.env;
  process.env.TERM = 'dumb';
  try {
    expect(written(true, 80, steps)).toEqual(written(false, 80, steps));
  } finally {
    process.env.TERM = TERM;
  }
});

test.each([
  [80, 'Epoch 2/5:  43%|█▊  | 203/469 [02:02<02:39, 1.67 batch/s, loss=0.081, acc=97.6%]'],
  [76, 'Epoch 2/5:  43% 203/469 [02:02<02:39, 1.67 batch/s, loss=0.081, acc=97.6%]'],
  [72, '…ch 2/5:  43% 203/469 [02:02<02:39, 1.67 batch/s, loss=0.081, acc=97.6%]'],
])('in %i columns the bar is shortened, then the label', (columns, line) => {
  expect(written(true, columns).find((text) => text.includes('43%'))).toBe(line);
});

test.each([60, 70, 80, 100, 200])(
  'in %i columns a line shows the rest of the time, loss and accuracy',
  (columns) => {
    const line = written(true, columns).find((text) => text.includes('43%')) ?? '';
    expect(line).toMatch(/<02:39, .*loss=0\.081, acc=97\.6%\]$/);
    expect(line.length).toBeLessThanOrEqual(columns);
  },
);
