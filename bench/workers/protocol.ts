/** The worker's side of bench/contender.ts: answers each task, a line on standard input, with a line of JSON. */
import fs from 'node:fs';
import readline from 'node:readline';

interface Tasks {
  /** One training step on a fixed batch. */
  step(): void | Promise<void>;
  /** One forward pass over a fixed batch, with the predictions copied to JavaScript or Python. */
  evaluate(): void;
  /** One forward pass over a single image, with the probabilities copied. */
  latency(): void;
  [task: string]: () => unknown | Promise<unknown>;
}

/** Peak resident memory of this process so far, in MiB. */
function peakRssMiB(): number {
  const status = fs.readFileSync('/proc/self/status', 'utf8');
  return Number(status.match(/VmHWM:\s+(\d+)/)?.[1]) / 1024;
}

export function serve(tasks: Tasks): void {
  const answer = (value: unknown) => process.stdout.write(`${JSON.stringify(value)}\n`);
  readline.createInterface({ input: process.stdin }).on('line', async (task) => {
    const started = performance.now();
    const value = await tasks[task]();
    answer({ seconds: (performance.now() - started) / 1000, peakRssMiB: peakRssMiB(), value });
  });
  answer({ ready: true });
}
