// Changes two things in how tslab 1.0.22 runs a cell: all of its output arrives, and the stop button ends the long calls
// that it started.
const { runInterruptible } = require('../../src/interrupt.ts');

/** Text written within this time is sent as one message: JupyterLab drops output above 1,000 messages a second. */
const TOGETHER_MS = 20;

/** How long a cell may take to end by itself after the stop button, when no step of a long call is running. */
const GRACE_MS = 1000;

/** To be called before the kernel starts. */
function sendAllOutput() {
  const zeromq = require(require.resolve('zeromq', { paths: [require.resolve('tslab')] }));
  // zeromq.js queues up to 1,000 messages and sends the others later, one after the other. tslab does not wait for that,
  // so a cell that prints thousands of lines would lose its last messages, and never end.
  zeromq.Publisher = class extends zeromq.Publisher {
    constructor(options) {
      super({ ...options, sendHighWaterMark: 0, sendTimeout: 0 });
    }
  };
  aroundCell((run, request, writeStream, writeDisplayData) => {
    const output = bufferedOutput(writeStream);
    const display = (...message) => {
      output.flush();
      writeDisplayData(...message);
    };
    return run(request, output.write, display).finally(output.flush);
  });
}

/** Collects consecutive texts for the same stream. */
function bufferedOutput(writeStream) {
  let [stream, text, sentAt, timer] = ['', '', 0, undefined];
  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    if (text) writeStream(stream, text);
    [text, sentAt] = ['', performance.now()];
  };
  const write = (name, more) => {
    if (name !== stream) flush();
    stream = name;
    text += more;
    if (performance.now() - sentAt > TOGETHER_MS) flush();
    else timer ??= setTimeout(flush, TOGETHER_MS);
  };
  return { write, flush };
}

/** To be called after the kernel has started: it replaces what tslab does on SIGINT, the signal of the stop button. */
function stopLongCalls() {
  const [endCell] = process.listeners('SIGINT');
  let interrupt = new AbortController();
  let running;
  aroundCell((run, ...args) => {
    const cell = Symbol('cell');
    running = cell;
    return runInterruptible(interrupt.signal, () => run(...args)).finally(() => {
      running = undefined;
    });
  });
  process.removeListener('SIGINT', endCell);
  process.on('SIGINT', () => {
    interrupt.abort();
    interrupt = new AbortController();
    const cell = running;
    // tslab leaves the cell, but what it awaits goes on.
    setTimeout(() => cell && cell === running && endCell(), GRACE_MS);
  });
}

/** Calls `wrap(run, ...)` in place of the method that runs a cell. */
function aroundCell(wrap) {
  // Not at the top: the kernel first replaces the compiler that tslab loads.
  const { prototype } = require('tslab/dist/jupyter.js').JupyterHandlerImpl;
  const { handleExecuteImpl } = prototype;
  prototype.handleExecuteImpl = function (...args) {
    return wrap((...changed) => handleExecuteImpl.apply(this, changed), ...args);
  };
}

module.exports = { sendAllOutput, stopLongCalls };
