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

test('a log gets the end of each task, a terminal one updated line', () => {
  const written: Record<'log' | 'terminal', string[]> = { log: [], terminal: [] };
  const stream = (name: 'log' | 'terminal') =>
    ({
      isTTY: name === 'terminal',
      columns: 40,
      write: (text: string) => written[name].push(text),
    }) as unknown as NodeJS.WriteStream;
  for (const name of ['log', 'terminal'] as const) {
    const listener = streamProgress(stream(name));
    for (let done = 1; done <= 3; done++) listener({ ...progress, done, total: 3 });
  }
  expect(written.log.join('').split('\n').length).toBe(2); // the last one, and what follows its newline
  expect(written.log[0]).toContain('3/3');
  const lines = written.terminal.filter((text) => text.startsWith('Epoch'));
  expect(lines.every((line) => line.length <= 40)).toBe(true);
  expect(written.terminal.at(-1)).toBe('\n');
});
