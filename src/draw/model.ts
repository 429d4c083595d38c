/** The page's own copy of a model, in 8 bits. */
import fs from 'node:fs';
import path from 'node:path';
import { objectOf, text } from '../checks';
import { InputError, messageOf } from '../errors';
import { hashOf, readJson, writeJson } from '../files';
import type { ProgressListener } from '../progress';
import { loadModel, saveModel } from '../storage/index';

const SOURCE = objectOf({ key: text });

/**
 * Saves the model at `place` (anything that `loadModel` takes) in 8 bits as the folder `model` of the page.
 * Does nothing and returns false if it is already there. Throws InputError if `loadModel` or `saveModel` does.
 */
export async function exportModel(
  place: string,
  page: string,
  onProgress?: ProgressListener,
): Promise<boolean> {
  const target = path.join(page, 'model');
  // Names the model that was exported. Written last, so that half an export has none.
  const source = path.join(target, 'source.json');
  const key = keyOf(place);
  if (readKey(source) === key) return false;
  const model = await loadModel(place, { onProgress });
  try {
    await saveModel(model, target, { quantised: true });
  } finally {
    model.dispose();
  }
  writeJson(source, { key });
  return true;
}

/** Removes the page's model: one from another run would mislead. */
export function removeModel(page: string): void {
  const target = path.join(page, 'model');
  try {
    fs.rmSync(target, { recursive: true, force: true });
  } catch (error) {
    throw new InputError(`${target}: cannot be removed: ${messageOf(error)}`);
  }
}

/** Whether the run folder or model folder `folder` contains a model. */
export function holdsModel(folder: string): boolean {
  return filesOf(folder).some((file) => path.basename(file) === 'model.json');
}

/** Changes with the place, and when the files there change. */
function keyOf(place: string): string {
  const states = filesOf(place).map((file) => {
    const { size, mtimeMs } = fs.statSync(file);
    return [file, size, mtimeMs];
  });
  return hashOf('sha256', Buffer.from(JSON.stringify([path.resolve(place), states])));
}

/** The files of the model at `place`. */
function filesOf(place: string): string[] {
  if (!fs.existsSync(place)) return [];
  if (!fs.statSync(place).isDirectory()) return [place];
  return [place, path.join(place, 'model')]
    .filter((folder) => fs.existsSync(folder) && fs.statSync(folder).isDirectory())
    .flatMap((folder) => fs.readdirSync(folder).map((name) => path.join(folder, name)))
    .filter((file) => path.basename(file) === 'model.json' || file.endsWith('.bin'))
    .sort();
}

function readKey(file: string): string | undefined {
  try {
    return readJson(file, SOURCE).key;
  } catch {
    return undefined;
  }
}
