import { fuzz } from '../bench/torture/fuzz';
import { temporaryFolder } from './support/idx';

const temporary = temporaryFolder();

test('damaged files of every kind are refused or read correctly, quickly and in little memory', async () => {
  const rows = await fuzz(temporary, 600, 7);
  expect(rows.flatMap(({ failures }) => failures)).toEqual([]);
  expect(rows.reduce((sum, { files }) => sum + files, 0)).toBe(600);
  for (const { kind, refused } of rows) expect([kind, refused > 0]).toEqual([kind, true]);
}, 120_000);
