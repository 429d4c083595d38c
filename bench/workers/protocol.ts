/**
 * A benchmark worker: one contender in a process of its own, so that each has its allocator settings and
 * its peak memory to itself. It answers one line of JSON for each line that it reads.
 */
import fs from 'node:fs';
import readline from 'node:readline';

export interface Contender {
  /** One training step on a fixed batch. */
  step(): void | Promise<void>;
  /** One forward pass over a fixed batch, to predictions on the host. */
  evaluate(): void;
  /** One forward pass over a single image, to probabilities on the host. */
  latency(): void;
  /** Anything else. */
  [task: string]: () => unknown | Promise<unknown>;
}

/** Peak resident memory of this process so far, in MiB. */
function peakRssMiB(): number {
  const status = fs.readFileSync('/proc/self/status', 'utf8');
  return Number(status.match(/VmHWM:\s+(\d+)/)?.[1]) / 1024;
}

export function serve(contender: Contender): void {
  const answer = (value: unknown) => process.stdout.write(`${JSON.stringify(value)}\n`);
  readline.createInterface({ input: process.stdin }).on('line', async (task) => {
    const started = performance.now();
    const value = await contender[task]();
    answer({ seconds: (performance.now() - started) / 1000, peakRssMiB: peakRssMiB(), value });
  });
  answer({ ready: true });
}
