import fs from 'node:fs';

let flags: Set<string> | undefined;

/** Whether the processor says that it has one of these instruction sets, by Linux's names; false elsewhere. */
export function hasInstructions(...names: string[]): boolean {
  flags ??= readFlags();
  return names.some((name) => flags!.has(name));
}

function readFlags(): Set<string> {
  const file = '/proc/cpuinfo';
  if (process.arch !== 'x64' || !fs.existsSync(file)) return new Set();
  const line = fs.readFileSync(file, 'utf8').match(/^flags\s*:(.*)$/m);
  return new Set(line?.[1].trim().split(/\s+/));
}
