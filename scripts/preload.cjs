// Load this first, for its effects.
const { enableCompileCache } = require('node:module');
const fs = require('node:fs');
const path = require('node:path');

// From Node 22 on, a process keeps the JavaScript that it has compiled for the next one.
enableCompileCache?.(path.join(__dirname, '..', 'build', 'compile-cache'));

// Output that cannot be written does not end a command with a stack trace. A reader such as
// `head` may close the pipe: then the command goes on without output, because a training must not be lost. A full disk
// is reported once, and the command exits with 1.
const names = { 1: 'standard output', 2: 'standard error' };

for (const stream of [process.stdout, process.stderr]) {
  let isReported = false;
  stream.on('error', ({ code, message }) => {
    if (code === 'EPIPE' || isReported) return;
    isReported = true;
    process.exitCode = 1;
    try {
      fs.writeSync(2, `error: ${names[stream.fd]} cannot be written: ${message}\n`);
    } catch {} // Standard error is on the same disk.
  });
}
