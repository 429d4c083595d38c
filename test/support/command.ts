import { type SpawnOptionsWithoutStdio, spawn } from 'node:child_process';
import path from 'node:path';
import { Writable } from 'node:stream';

export const root = path.resolve(__dirname, '../..');

/** Lets Node run TypeScript. */
export const typescript = ['--require', path.join(root, 'scripts', 'typescript.cjs')];

export interface Result {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs `node ARGS…` in the project's root, as npm does, and collects its output. */
export function command(args: string[], env: NodeJS.ProcessEnv = {}): Promise<Result> {
  return collect(process.execPath, args, { ...process.env, ...env });
}

/** Runs a Python script in the project's Python environment and collects its output. */
export async function python(...args: string[]): Promise<Result> {
  const find =
    "import('./scripts/setup/environment.mjs').then((m) => console.log(m.pythonEnvironment().python))";
  const { stdout } = await command(['--eval', find]);
  return collect(stdout.trim(), args, process.env);
}

/** Runs a program in the project's root and collects its output. */
export function collect(program: string, args: string[], env: NodeJS.ProcessEnv): Promise<Result> {
  return start(program, args, { cwd: root, env });
}

/** Runs a program and collects its output. */
export function start(
  program: string,
  args: string[],
  options: SpawnOptionsWithoutStdio,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, options);
    const result: Result = { code: null, stdout: '', stderr: '' };
    child.stdout.on('data', (chunk) => {
      result.stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      result.stderr += chunk;
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ ...result, code }));
  });
}

/** Runs a command such as `npm run train` in this process. */
export async function cli(...argv: string[]): Promise<Result> {
  const { main } = await import('../../src/cli/main');
  const { Io } = await import('../../src/cli/io');
  const texts = ['', ''];
  const [stdout, stderr] = texts.map(
    (_, i) =>
      new Writable({
        write(chunk, _encoding, done) {
          texts[i] += chunk;
          done();
        },
      }),
  );
  const code = await main(argv, new Io(stdout, stderr, programFile()));
  return { code, stdout: texts[0], stderr: texts[1] };
}

/** Runs a command such as `npm run train` in a process of its own, as npm does. */
export function spawnCli(...argv: string[]): Promise<Result> {
  return command(['scripts/run.mjs', ...argv]);
}

/** Node's arguments that start the program without npm's launcher. */
export function programFile(): string[] {
  return [path.join(root, 'scripts', 'start.cjs')];
}

/** Calls `f` for each item, two at a time: tests can count on two cores. */
export async function inParallel<T, R>(
  items: readonly T[],
  f: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const waiting = [...items.entries()];
  const work = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift())
      results[next[0]] = await f(next[1]);
  };
  await Promise.all([work(), work()]);
  return results;
}

/** Expects exit code 1, a single matching line on standard error, and nothing on standard output. */
export function expectOneLineError(result: Result, message: RegExp): void {
  expect(result.stderr).toMatch(message);
  expect(result.stderr.trim().split('\n').length).toBe(1);
  expect(result.stdout).toBe('');
  expect(result.code).toBe(1);
}
