import fs from 'node:fs';
import path from 'node:path';
import { replaceFile } from '../src/files';
import { temporaryFolder } from './support/idx';

const folder = temporaryFolder();

test('if writing a file fails, the older one stays, and nothing else is left', () => {
  const file = path.join(folder, 'notes.json');
  fs.writeFileSync(file, 'old');
  const fails = (temporary: string) => {
    fs.writeFileSync(temporary, 'half of the n');
    throw new Error('the disk is full');
  };
  expect(() => replaceFile(file, fails)).toThrow('notes.json: cannot be written: the disk is full');
  expect(fs.readFileSync(file, 'utf8')).toBe('old');
  expect(fs.readdirSync(folder)).toEqual(['notes.json']);
});
