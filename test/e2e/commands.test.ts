/** The commands as npm starts them: set-up, bundle, exit codes, pipes. `test/cli` tests what they do. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { command, expectOneLineError, inParallel, root, spawnCli } from '../support/command';

const NAMES = ['train', 'evaluate', 'compare', 'predict', 'export', 'data', 'draw'];
const predict = ['predict', '--model', 'notebooks/small/model', 'samples/0-28x28.png'];

test('each command starts, and says how it is used', async () => {
  const results = await inParallel(NAMES, (name) => spawnCli(name, '--help'));
  results.forEach(({ code, stdout, stderr }, i) => {
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain(`Usage: npm run ${NAMES[i]} -- `);
  });
}, 60_000);

test('a command gives its result, or one line and exit code 1', async () => {
  const [good, bad] = await inParallel([predict, [...predict, 'nowhere.png']], (args) =>
    spawnCli(...args),
  );
  expect([good.code, good.stderr]).toEqual([0, '']);
  expect(good.stdout).toMatch(/^samples\/0-28x28\.png: 0 /m);
  expectOneLineError(bad, /^error: nowhere\.png: /);
}, 60_000);

test('output to a full disk is a one-line error, and a closed pipe is none', async () => {
  const shell = async (line: string) => {
    const { stdout, stderr } = await promisify(execFile)(
      'bash',
      ['-c', `${line}; echo "exit code \${PIPESTATUS[0]}" >&2`],
      { cwd: root },
    );
    return [stdout, stderr];
  };
  const doctor = 'node scripts/setup/doctor.mjs';
  const reader = `node scripts/run.mjs ${predict.join(' ')}`;
  for (const program of [doctor, reader]) {
    const [, full] = await shell(`${program} > /dev/full`);
    expect(full).toMatch(/^error: standard output cannot be written: .*\nexit code 1\n$/);
    expect(await shell(`${program} | true`)).toEqual(['', 'exit code 0\n']);
  }
  expect(await shell(`${reader} | head -1`)).toEqual([
    expect.stringMatching(/^Input: 64×64 grey.*\n$/),
    'exit code 0\n',
  ]);
}, 120_000);

test('doctor finds nothing wrong, in text and in JSON', async () => {
  const [plain, machine] = await Promise.all([
    command(['scripts/setup/doctor.mjs']),
    command(['scripts/setup/doctor.mjs', '--json']),
  ]);
  expect(plain.stdout).not.toMatch(/✗/);
  const { ok, checks } = JSON.parse(machine.stdout);
  expect(ok).toBe(true);
  expect(checks.map((check: { name: string }) => check.name)).toEqual(
    expect.arrayContaining([
      ...['Node', 'TensorFlow', 'Device', 'Threads'],
      ...['Allocator settings', 'Binding', 'Kernel', 'Data'],
    ]),
  );
  expect([plain.code, machine.code]).toEqual([0, 0]);
}, 60_000);

test('doctor names a problem and its fix', async () => {
  const { code, stdout } = await command(['scripts/setup/doctor.mjs', '--json'], {
    MALLOC_MMAP_MAX_: '7',
  });
  const bad = JSON.parse(stdout).checks.filter((check: { ok: boolean }) => !check.ok);
  expect(bad).toEqual([
    {
      name: 'Allocator settings',
      ok: false,
      value: 'not in force: MALLOC_MMAP_MAX_',
      fix: 'unset MALLOC_MMAP_MAX_',
    },
  ]);
  expect(code).toBe(1);
}, 60_000);

test('a second set-up finds nothing to do', async () => {
  const { code, stdout, stderr } = await command(['scripts/setup/setup.mjs']);
  expect([code, stdout, stderr]).toEqual([0, 'Ready: nothing to do.\n', '']);
}, 60_000);
