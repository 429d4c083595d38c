// Starts a program of this project with the environment that TensorFlow needs.
import { spawn } from 'node:child_process';
import os from 'node:os';
import readline from 'node:readline';
import { root, runtimeEnvironment } from './environment.mjs';

// TensorFlow 2.21 writes these two lines when it is loaded, at any log level.
const NOISE =
  /^WARNING: All log messages before absl|port\.cc:\d+\] oneDNN custom operations are on/;

/**
 * Runs `program` from the project's root and resolves to its exit code. Standard error passes through without
 * TensorFlow's two lines. SIGTERM is passed on; so is SIGINT, unless a terminal already does that.
 *
 * @param {{ env?: Record<string, string>, cwd?: string }} options
 */
export function launch(program, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: options.cwd ?? root,
      env: { ...runtimeEnvironment(), ...options.env },
      stdio: ['inherit', 'inherit', 'pipe'],
    });
    readline.createInterface({ input: child.stderr }).on('line', (line) => {
      if (!NOISE.test(line)) process.stderr.write(`${line}\n`);
    });
    // On Ctrl-C the terminal signals the child too. The child decides when to end; this process waits.
    const onInterrupt = () => {
      if (!process.stdin.isTTY) child.kill('SIGINT');
    };
    const onTerminate = () => child.kill('SIGTERM');
    process.on('SIGINT', onInterrupt);
    process.on('SIGTERM', onTerminate);
    child.on('error', reject);
    child.on('close', (code, signal) => {
      process.removeListener('SIGINT', onInterrupt);
      process.removeListener('SIGTERM', onTerminate);
      if (signal === 'SIGKILL') {
        process.stderr.write(
          'error: ended by SIGKILL: most likely the machine ran out of memory\n',
        );
      } else if (signal && !['SIGINT', 'SIGTERM'].includes(signal)) {
        process.stderr.write(`error: ended by ${signal}\n`);
      }
      resolve(code ?? 128 + os.constants.signals[signal]);
    });
  });
}
