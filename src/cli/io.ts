import type { ProgressListener } from '../progress';
import { type OutputStream, streamProgress } from '../viz/index';

/** Where a command writes, and the exit code it ends with. */
export class Io {
  exitCode = 0;

  constructor(
    readonly stdout: OutputStream = process.stdout,
    readonly stderr: OutputStream = process.stderr,
    /** Node's arguments that start this program. */
    readonly program: string[] = [...process.execArgv, process.argv[1]],
  ) {}

  print(line: string): void {
    this.stdout.write(`${line}\n`);
  }

  printJson(value: unknown): void {
    this.print(JSON.stringify(value));
  }

  note(line: string): void {
    this.stderr.write(`note: ${line}\n`);
  }

  warn(line: string): void {
    this.stderr.write(`warning: ${line}\n`);
  }

  /** A progress bar, or none if standard output is JSON. */
  progress(json = false): ProgressListener | undefined {
    return json ? undefined : streamProgress(this.stdout);
  }
}
