/** How bench starts other programs. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import path from 'node:path';
import { programFile, root, typescript } from '../test/support/command';

interface Running {
  child: ChildProcess;
  /** The exit code; null if a signal ended the process. */
  ended: Promise<number | null>;
  /** Everything printed so far. */
  text: () => string;
}

/** Starts one of the project's commands, such as `predict`, as npm does. */
export function startCommand(name: string, args: string[]): Running {
  return collect([path.join(root, 'scripts', 'run.mjs'), name, ...args]);
}

/** The same without a launcher in between, so that signals reach the command itself. */
export function startDirectly(name: string, args: string[]): Running {
  return collect([...programFile(), name, ...args]);
}

/** Starts Node with a TypeScript file of bench. */
export function startTypeScript(file: string, args: string[], options: SpawnOptions): ChildProcess {
  return spawn(process.execPath, [...typescript, path.join(__dirname, file), ...args], {
    cwd: root,
    ...options,
  });
}

function collect(args: string[]): Running {
  const child = spawn(process.execPath, args, { cwd: root });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      text += chunk;
    });
  }
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  return { child, ended, text: () => text };
}
