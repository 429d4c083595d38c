import { turnEventLoop } from '../progress';

/**
 * Runs `body` with a signal that the first interrupt aborts: Ctrl-C in a terminal, the stop button in Jupyter.
 * Other handlers do not see that interrupt (tslab's would fail the cell); they are put back afterwards, and
 * get the next one.
 */
export async function interruptible<T>(
  body: (signal: AbortSignal) => Promise<T>,
  signals: readonly NodeJS.Signals[] = ['SIGINT'],
): Promise<T> {
  // Node guards SIGINT during the first, synchronous part of a cell and then undoes changes to its handlers.
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
