// Changes how tslab 1.0.22 sends the output of a cell: all of it arrives.

/** Text written within this time is sent as one message: JupyterLab drops output above 1,000 messages a second. */
const TOGETHER_MS = 20;

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

/** Calls `wrap(run, ...)` in place of the method that runs a cell. */
function aroundCell(wrap) {
  // Not at the top: the kernel first replaces the compiler that tslab loads.
  const { prototype } = require('tslab/dist/jupyter.js').JupyterHandlerImpl;
  const { handleExecuteImpl } = prototype;
  prototype.handleExecuteImpl = function (...args) {
    return wrap((...changed) => handleExecuteImpl.apply(this, changed), ...args);
  };
}

module.exports = { sendAllOutput };
