import { freePorts } from '../../src/workers/index';
import { command, typescript } from '../support/command';
import { maxDifference } from '../support/tensors';
import { type Outcome, outcomesOf } from '../support/worker';

/** The outcomes of each of `count` workers. */
async function outcomesTogether(count: number): Promise<Record<string, Outcome>[]> {
  const ports = await freePorts(count);
  const addresses = ports.map((port) => `127.0.0.1:${port}`).join(',');
  const results = await Promise.all(
    ports.map((_, i) =>
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

test('three workers give the same training as one, with the same weights on all of them', async () => {
  const alone = await outcomesOf();
  const [first, ...others] = await outcomesTogether(3);
  for (const [name, { losses, correct, sha256, kept }] of Object.entries(first)) {
    const want = alone[name];
    expect([name, ...others.map((each) => each[name].sha256)]).toEqual([name, sha256, sha256]);
    expect(maxDifference(losses, want.losses)).toBeLessThan(name === 'float16' ? 1e-2 : 1e-4);
    expect(maxDifference(correct, want.correct)).toBeLessThan(0.1);
    expect(kept).toBe(want.kept);
  }
}, 180_000);
