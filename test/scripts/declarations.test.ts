/** The declarations that kernels keep for each other. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const { openDeclarations } = require('../../scripts/kernel/declarations.cjs');

const root = fs.mkdtempSync(path.join(os.tmpdir(), 'alexnet-test-'));
const [file, other] = ['size.ts', 'colour.ts'].map((name) => path.join(root, 'src', name));
const [code, declaration] = ['export const size = 10;', 'export declare const size = 10;'];

beforeEach(() => {
  fs.rmSync(root, { recursive: true, force: true });
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, code);
  fs.writeFileSync(other, '');
  fs.writeFileSync(path.join(root, 'package-lock.json'), '{}');
});
afterAll(() => fs.rmSync(root, { recursive: true }));

const saved = () => [...openDeclarations(root).saved.values()];

test('declarations are kept for exactly these sources and packages', () => {
  const first = openDeclarations(root);
  first.add({ fileName: file, text: code }, declaration);
  first.save();
  const second = openDeclarations(root);
  second.add({ fileName: other, text: '' }, 'export {};');
  second.save();
  expect(saved()).toEqual([declaration, 'export {};']);
  for (const name of ['src/colour.ts', 'src/new.ts', 'package-lock.json']) {
    const whole = path.join(root, name);
    const before = fs.existsSync(whole) ? fs.readFileSync(whole) : undefined;
    fs.writeFileSync(whole, '// changed');
    expect(saved()).toEqual([]);
    if (before) fs.writeFileSync(whole, before);
    else fs.rmSync(whole);
    expect(saved()).toHaveLength(2);
  }
  fs.writeFileSync(path.join(root, 'build', 'declarations.json'), '{"key');
  expect(saved()).toEqual([]);
});

test('nothing is kept once a file has been edited while the kernel runs', () => {
  const kernel = openDeclarations(root);
  kernel.add({ fileName: file, text: 'export const size = 20;' }, declaration);
  kernel.add({ fileName: other, text: '' }, 'export {};');
  kernel.save();
  expect(saved()).toEqual([]);
});
