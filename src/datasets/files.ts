import fs from 'node:fs';
import path from 'node:path';

/** The files below `folder`, at most `depth` folders down, sorted. Follows links, but no link in a circle. */
export function filesBelow(folder: string, depth: number, seen = new Set<string>()): string[] {
  const real = fs.realpathSync(folder);
  if (seen.has(real)) return [];
  seen.add(real);
  return fs
    .readdirSync(folder)
    .filter((name) => !name.startsWith('.'))
    .sort()
    .flatMap((name) => {
      const file = path.join(folder, name);
      const stat = fs.statSync(file, { throwIfNoEntry: false }); // undefined: a link to nothing
      if (stat?.isDirectory()) return depth > 0 ? filesBelow(file, depth - 1, seen) : [];
      return stat?.isFile() ? [file] : [];
    });
}
