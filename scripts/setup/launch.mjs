// Starts other programs.
import { spawn } from 'node:child_process';
import os from 'node:os';
import readline from 'node:readline';
import { UserError } from './command.mjs';
import { programEnvironment, root, runtimeEnvironment } from './environment.mjs';

// TensorFlow 2.21 prints the first two lines when it loads, at any log level; the CUDA build also the third if
// there is no driver. (`npm run doctor` says so in words.)
const NOISE =
  /^WARNING: All log messages before absl|port\.cc:\d+\] oneDNN custom operations are on|cuda_platform\.cc:\d+\] failed call to cuInit: .*\(303\)/;

/**
 * Runs a program with the environment that TensorFlow needs and resolves to its exit code. Drops the lines of
 * NOISE from standard error. Passes SIGTERM on, and SIGINT unless the terminal does that.
 */
export function launch(program, args, cwd = root) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd,
      env: runtimeEnvironment(),
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
      if (signal && !['SIGINT', 'SIGTERM'].includes(signal)) {
        const why = signal === 'SIGKILL' ? ': most likely the machine ran out of memory' : '';
        process.stderr.write(`error: ended by ${signal}${why}\n`);
      }
      resolve(code ?? 128 + os.constants.signals[signal]);
    });
  });
}

/**
 * Runs a program silently and resolves to the end of its output. Throws UserError with the program's last lines if it
 * fails, after what `explain` (given the output) says about the cause. If `interrupt`, an AbortSignal, fires, stops the
 * program, waits for its end and throws the signal's reason.
 */
export function runSilently(program, args, interrupt, { explain, ...options } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: root,
      env: programEnvironment(),
      stdio: ['ignore', 'pipe', 'pipe'],
      ...options,
    });
    interrupt.addEventListener('abort', () => child.kill(), { once: true });
    let output = '';
    const keep = (chunk) => {
      output = (output + chunk).slice(-20_000);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', (error) =>
      reject(new UserError(`cannot start ${program}: ${error.message}`)),
    );
    child.on('close', (code, signal) => {
      if (interrupt.aborted) return reject(interrupt.reason);
      if (code === 0) return resolve(output);
      const lines = output.trim().split('\n');
      const shown = lines.length <= 20 ? lines : [...lines.slice(0, 8), '…', ...lines.slice(-10)];
      const command = [program, ...args].join(' ');
      const how = signal ?? `exit ${code}`;
      const cause = explain?.(output);
      reject(
        new UserError(
          `${cause ? `${cause}\n` : ''}'${command}' failed (${how}):\n  ${shown.join('\n  ')}`,
        ),
      );
    });
  });
}
