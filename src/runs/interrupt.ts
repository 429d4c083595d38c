import { turnEventLoop } from '../interrupt';

/**
 * Runs `body` with an abort signal. The first interrupt (Ctrl-C in a terminal, the stop button in Jupyter) aborts it.
 * Other handlers do not see that interrupt: tslab's would fail the cell. They are restored afterwards and get the
 * next one.
 */
export async function interruptible<T>(
  body: (signal: AbortSignal) => Promise<T>,
  signals: readonly NodeJS.Signals[] = ['SIGINT'],
): Promise<T> {
  // Node guards SIGINT during the synchronous start of a cell, and then undoes changes to its handlers.
  await turnEventLoop();
  const controller = new AbortController();
  const others = signals.map((signal) => [signal, process.listeners(signal)] as const);
  const putBack = () => {
    for (const [signal, listeners] of others) {
      process.removeListener(signal, onSignal);
      for (const listener of listeners) {
        if (!process.listeners(signal).includes(listener)) process.on(signal, listener);
      }
    }
  };
  const onSignal = () => {
    putBack();
    controller.abort();
  };
  for (const signal of signals) {
    process.removeAllListeners(signal);
    process.on(signal, onSignal);
  }
  try {
    return await body(controller.signal);
  } finally {
    putBack();
  }
}
