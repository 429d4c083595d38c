import fs from 'node:fs';
import path from 'node:path';
import { hashOfParts } from '../files';
import { root } from '../root';

/** The SHA-256 of this project's code: workers with different code would not compute the same. */
export function codeSha256(): string {
  const source = path.join(root, 'src');
  const files = fs
    .readdirSync(source, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .sort();
  return hashOfParts(
    'sha256',
    files.flatMap((file) => [Buffer.from(file), fs.readFileSync(path.join(source, file))]),
  );
}
