import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** The content of an IDX file with images. */
export function idxImages(
  count: number,
  height: number,
  width: number,
  fill = (i: number) => i % 256,
): Buffer {
  const header = Buffer.alloc(16);
  for (const [i, value] of [2051, count, height, width].entries())
    header.writeUInt32BE(value, 4 * i);
  return Buffer.concat([
    header,
    Buffer.from(Array.from({ length: count * height * width }, (_, i) => fill(i))),
  ]);
}

/** The content of an IDX file with labels. */
export function idxLabels(labels: number[]): Buffer {
  const header = Buffer.alloc(8);
  for (const [i, value] of [2049, labels.length].entries()) header.writeUInt32BE(value, 4 * i);
  return Buffer.concat([header, Buffer.from(labels)]);
}

/** Creates a folder that is removed after the tests of this file. */
export function temporaryFolder(): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'alexnet-test-'));
  afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes files into the folder `parent/name` and returns its path. */
export function folderOf(
  parent: string,
  name: string,
  files: Record<string, Buffer | string>,
): string {
  const folder = path.join(parent, name);
  for (const [file, content] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
    fs.writeFileSync(path.join(folder, file), content);
  }
  return folder;
}
