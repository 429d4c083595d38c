/** Ends long calls when the reader presses a notebook's stop button. */
import { AsyncLocalStorage } from 'node:async_hooks';

/** The reader stopped a long call. */
export class Interrupted extends Error {
  override name = 'Interrupted';
  constructor() {
    super(
      'stopped after the current step. Run the cell again to start over; trainRun() continues where it stopped',
    );
  }
}

/** What code runs with, also after an `await`. */
const interrupts = new AsyncLocalStorage<AbortSignal>();

/** Runs `body`. Once `signal` is aborted, the long calls that `body` started throw Interrupted after their current step. */
export function runInterruptible<T>(signal: AbortSignal, body: () => T): T {
  return interrupts.run(signal, body);
}

/** Lets Node write output and handle signals between two blocking calls. Throws Interrupted. */
export async function turnEventLoop(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  if (interrupts.getStore()?.aborted) throw new Interrupted();
}
