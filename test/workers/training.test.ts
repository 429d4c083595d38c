import { freePorts } from '../../src/workers/index';
import { command, typescript } from '../support/command';
import { maxDifference } from '../support/tensors';
import type { Outcome } from '../support/worker';

/** The outcomes of each of `count` workers. */
async function outcomesOf(count: number): Promise<Record<string, Outcome>[]> {
  const ports = count > 1 ? await freePorts(count) : [];
  const addresses = ports.map((port) => `127.0.0.1:${port}`).join(',');
  const results = await Promise.all(
    Array.from({ length: count }, (_, i) =>
      command([...typescript, 'test/support/worker.ts', String(i), addresses], {
        TF_NUM_INTRAOP_THREADS: '1',
      }),
    ),
  );
  return results.map(({ stdout, stderr, code }) => {
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
    return JSON.parse(stdout);
  });
}

test('1, 2 and 4 workers give the same training, with the same weights on all of them', async () => {
  const [alone] = await outcomesOf(1);
  for (const count of [2, 4]) {
    const all = await outcomesOf(count);
    for (const [name, { losses, correct, sha256, kept }] of Object.entries(all[0])) {
      const want = alone[name];
      expect([name, count, all.map((each) => each[name].sha256 === sha256)]).toEqual([
        ...[name, count],
        all.map(() => true),
      ]);
      expect(maxDifference(losses, want.losses)).toBeLessThan(name === 'float16' ? 1e-2 : 1e-4);
      expect(maxDifference(correct, want.correct)).toBeLessThan(0.1);
      expect(kept).toBe(want.kept);
    }
  }
}, 180_000);
