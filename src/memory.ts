import fs from 'node:fs';
import os from 'node:os';

/** The free bytes of the machine, or of its container if that has less. */
export function availableMemory(): number {
  const free = numberIn('/proc/meminfo', /MemAvailable:\s+(\d+) kB/);
  const machine = free === undefined ? os.freemem() : 1024 * free;
  const limit = numberIn('/sys/fs/cgroup/memory.max', /^(\d+)/);
  const used = numberIn('/sys/fs/cgroup/memory.current', /^(\d+)/) ?? 0;
  // Files that were read count as used, but make room for others.
  const cached = numberIn('/sys/fs/cgroup/memory.stat', /^inactive_file (\d+)/m) ?? 0;
  return limit === undefined ? machine : Math.min(machine, limit - used + cached);
}

function numberIn(file: string, pattern: RegExp): number | undefined {
  try {
    const found = fs.readFileSync(file, 'utf8').match(pattern);
    return found ? Number(found[1]) : undefined;
  } catch {
    return undefined;
  }
}
