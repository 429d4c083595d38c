/** The page's own copy of a model, in 8 bits. */
import fs from 'node:fs';
import path from 'node:path';
import { objectOf, text } from '../checks';
import { InputError, messageOf } from '../errors';
import { hashOf, readJson, writeJson } from '../files';
import { readsDigits } from '../model/index';
import { type LoadModelOptions, loadModel, saveModel } from '../storage/index';

const SOURCE = objectOf({ key: text });

/**
 * Saves the model at `place` (anything that `loadModel` takes) in 8 bits as the folder `model` of the page.
 * Returns false and does nothing if it is already there. Throws InputError as `loadModel` and `saveModel` do.
 */
export async function exportModel(
  place: string,
  page: string,
  options: LoadModelOptions = {},
): Promise<boolean> {
  const target = path.join(page, 'model');
  // Identifies the exported model. It is written last, so an interrupted export has none.
  const source = path.join(target, 'source.json');
  const key = keyOf(place, options);
  if (isExported(source, key)) return false;
  const model = await loadModel(place, options);
  try {
    if (!readsDigits(model)) {
      throw new InputError(`${place}: not a network for digits, which the page is for`);
    }
    const own = model.layers.find((layer) => layer.getClassName() === 'LocalResponseNorm');
    if (own) throw new InputError(`${place}: has ${own.name}, a layer that browsers lack`);
    await saveModel(model, target, { quantised: true });
  } finally {
    model.dispose();
  }
  writeJson(source, { key });
  return true;
}

/** Removes the page's model, so that the page does not use one from another run. */
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

/** A hash of the place, of the size and time of its files, and of what was said about them. */
function keyOf(place: string, { inputSize, mean, std, key: entry }: LoadModelOptions): string {
  const stats = filesOf(place).map((file) => ({ file, ...fs.statSync(file) }));
  const states = stats.map(({ file, size, mtimeMs }) => [file, size, mtimeMs]);
  const key = [path.resolve(place), states, inputSize, mean, std, entry];
  return hashOf('sha256', Buffer.from(JSON.stringify(key)));
}

/** The files of the model at `place`: a weights file, a model folder or a run folder. */
function filesOf(place: string): string[] {
  const isFolder = (name: string) => fs.statSync(name, { throwIfNoEntry: false })?.isDirectory();
  if (!isFolder(place)) return fs.existsSync(place) ? [place] : [];
  return [place, path.join(place, 'model')]
    .filter(isFolder)
    .flatMap((folder) => fs.readdirSync(folder).map((name) => path.join(folder, name)))
    .filter((file) => path.basename(file) === 'model.json' || file.endsWith('.bin'))
    .sort();
}

function isExported(source: string, key: string): boolean {
  try {
    return readJson(source, SOURCE).key === key;
  } catch {
    return false;
  }
}
