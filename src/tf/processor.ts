import fs from 'node:fs';
import { backend } from './native';

/** Whether the processor has any of these instruction sets, as Linux names them. False on other systems. */
export function hasInstructions(...names: string[]): boolean {
  const { tuning } = backend();
  tuning.instructions ??= readInstructions();
  return names.some((name) => tuning.instructions!.has(name));
}

function readInstructions(): Set<string> {
  const file = '/proc/cpuinfo';
  if (process.arch !== 'x64' || !fs.existsSync(file)) return new Set();
  const line = fs.readFileSync(file, 'utf8').match(/^flags\s*:(.*)$/m);
  return new Set(line?.[1].trim().split(/\s+/));
}
