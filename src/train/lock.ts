import fs from 'node:fs';
import path from 'node:path';
import { InputError } from '../errors';

/**
 * Keeps a second training out of a run folder. Returns what gives it free; a process that is killed gives it
 * free too. Throws InputError when another process that lives has it.
 */
export function lockFolder(folder: string): () => void {
  const file = path.join(folder, '.lock');
  const mine = `${file}.${process.pid}`;
  const me = `${process.pid} ${startOf(process.pid)}`;
  fs.writeFileSync(mine, me);
  try {
    for (;;) {
      try {
        fs.linkSync(mine, file); // appears whole, or fails because it is there
        break;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const owner = read(file);
      const [pid, start] = owner.split(' ');
      // A number that was given to another process since is told by when that began.
      if (owner && isAlive(Number(pid)) && startOf(Number(pid)) === start) {
        const who = Number(pid) === process.pid ? 'this process' : `process ${pid}`;
        throw new InputError(
          `${folder}: ${who} trains there now. Name another with --run, or wait`,
        );
      }
      fs.rmSync(file, { force: true });
    }
  } finally {
    fs.rmSync(mine, { force: true });
  }
  const release = () => {
    if (read(file) === me) fs.rmSync(file, { force: true });
  };
  process.once('exit', release);
  return () => {
    process.removeListener('exit', release);
    release();
  };
}

function read(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** When a process began, in ticks since the machine started; `-` where Linux's /proc is not. */
function startOf(pid: number): string {
  const stat = read(`/proc/${pid}/stat`);
  // The second field is the program's name, in brackets, and may hold blanks.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '-';
}
