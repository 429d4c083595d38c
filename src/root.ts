import fs from 'node:fs';
import path from 'node:path';

/** The project's folder. (The commands run from a bundle in build/, so files cannot be found relative to the code.) */
export const root = folderWith('package-lock.json', __dirname);

function folderWith(name: string, folder: string): string {
  return fs.existsSync(path.join(folder, name)) ? folder : folderWith(name, path.dirname(folder));
}
