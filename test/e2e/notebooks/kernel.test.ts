/** Code that is edited while a kernel runs. */
import fs from 'node:fs';
import path from 'node:path';
import { python, root } from '../../support/command';
import { requireLoopback } from '../../support/loopback';

requireLoopback();
const script = path.join(root, 'test', 'support', 'cells.py');

test('a kernel tells which imported code has changed, and goes on when files appear', async () => {
  fs.mkdirSync(path.join(root, 'build'), { recursive: true });
  const folder = fs.mkdtempSync(path.join(root, 'build', 'kernel-'));
  const name = path.relative(root, folder);
  const file = (own: string) => path.join(folder, `${own}.ts`);
  const [size, colour] = [1, 2].map((n) => `import { size } from './${name}/size'; size + ${n}`);
  const steps = [
    [file('size'), 'export const size = 10;'],
    ...[size, [file('size'), 'export const size = 20;'], colour, '1 + 1'],
    ...[[file('size'), 'export const size = 10;'], '1 + 2'],
    ...[`import { next } from './${name}/next'; next`, [file('next'), 'export const next = 5;']],
    ...[`import { next } from './${name}/next'; next`, '1 + 3'],
    'for await (const n of [1, 2]) console.log(n);',
    "import { check, positiveInteger } from './src/checks'; check(positiveInteger, -1, 'epochs');",
  ];
  const notebooks = path.join(root, 'notebooks');
  const { stdout, stderr } = await python(script, notebooks, JSON.stringify(steps));
  fs.rmSync(folder, { recursive: true });
  expect(stderr).toBe('');
  expect(JSON.parse(stdout)).toEqual([
    '11\n',
    `${name}/size.ts has changed since this kernel started: restart the kernel to use it\n12\n`,
    '2\n', // told once
    '3\n', // changed back
    expect.stringContaining(`Cannot find module './${name}/next'`),
    '5\n',
    '4\n',
    '1\n2\n',
    expect.stringMatching(/^InputError: epochs is -1, want .*\n$/), // and no stack trace
  ]);
}, 120_000);
