/** The worker's side of bench/contender.ts: answers each task, a line on standard input, with a line of JSON. */
import fs from 'node:fs';
import readline from 'node:readline';

type Tasks = Record<string, () => unknown>;

/**
 * The tasks: `step`, a training step on a fixed batch; `evaluate`, a forward pass over it with the predictions copied to
 * JavaScript; `latency`, a forward pass over one image with the probabilities copied; and more of our own.
 */
export function serve(tasks: Tasks): void {
  const answer = (value: unknown) => process.stdout.write(`${JSON.stringify(value)}\n`);
  const input = readline.createInterface({ input: process.stdin });
  input.on('line', async (task) => {
    const started = performance.now();
    const value = await tasks[task]();
    answer({ seconds: (performance.now() - started) / 1000, peakRssMiB: peakRssMiB(), value });
  });
  input.on('close', () => process.exit());
  answer({ ready: true });
}

/** Peak resident memory of this process so far, in MiB. */
function peakRssMiB(): number {
  const status = fs.readFileSync('/proc/self/status', 'utf8');
  return Number(status.match(/VmHWM:\s+(\d+)/)?.[1]) / 1024;
}
