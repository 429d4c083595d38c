/** The model beside the page, in 8 bits. */
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { InputError, messageOf } from '../errors';
import { loadModel, saveModel } from '../model/index';
import type { ProgressListener } from '../progress';

/** The mark of what was exported lies with the model and is written last: half a model carries none. */
const MARK = 'source.json';

/**
 * Saves the model at `place`, all that `loadModel` takes, as the folder `model` of the page, in 8 bits. Does
 * nothing, and returns false, when it is there already. Throws InputError when `loadModel` or `saveModel` does.
 */
export async function exportModel(
  place: string,
  page: string,
  onProgress?: ProgressListener,
): Promise<boolean> {
  const target = path.join(page, 'model');
  const mark = path.join(target, MARK);
  const key = keyOf(place);
  if (readMark(mark) === key) return false;
  const model = await loadModel(place, { onProgress });
  try {
    await saveModel(model, target, { quantised: true });
  } finally {
    model.dispose();
  }
  fs.writeFileSync(mark, JSON.stringify({ key }));
  return true;
}

/** Takes the page's model away: it is of another run than the one that is asked for. */
export function removeModel(page: string): void {
  const target = path.join(page, 'model');
  try {
    fs.rmSync(target, { recursive: true, force: true });
  } catch (error) {
    throw new InputError(`${target}: cannot be removed: ${messageOf(error)}`);
  }
}

/** Is there a model in the run folder or model folder `folder`? */
export function holdsModel(folder: string): boolean {
  return filesOf(folder).some((file) => path.basename(file) === 'model.json');
}

/** Another place, and other files at the same place, give another key. */
function keyOf(place: string): string {
  const hash = crypto.createHash('sha256').update(path.resolve(place));
  for (const file of filesOf(place)) {
    const { size, mtimeMs } = fs.statSync(file);
    hash.update(`\0${file} ${size} ${mtimeMs}`);
  }
  return hash.digest('hex');
}

/** The files that make the model at `place`. */
function filesOf(place: string): string[] {
  if (!fs.existsSync(place)) return [];
  if (!fs.statSync(place).isDirectory()) return [place];
  return [place, path.join(place, 'model')]
    .filter((folder) => fs.existsSync(folder) && fs.statSync(folder).isDirectory())
    .flatMap((folder) => fs.readdirSync(folder).map((name) => path.join(folder, name)))
    .filter((file) => /(^|[\\/])model\.json$|\.bin$/.test(file))
    .sort();
}

function readMark(file: string): string | undefined {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8')).key;
  } catch {
    return undefined;
  }
}
