import fs from 'node:fs';

/** What people have in place of a file, by its first bytes, and what to do. */
const STAND_INS: [pattern: RegExp, what: string][] = [
  [/^$/, 'empty'],
  [
    /^\s*(<!doctype html|<html|<head)/i,
    'an HTML page, perhaps a login or error page: download the file itself',
  ],
  [/^version https:\/\/git-lfs/, 'a Git LFS pointer, not the file: run git lfs pull'],
];

/** Names what stands in the place of a file that begins with `start`. Undefined if it may be the file itself. */
export function standIn(start: Buffer): string | undefined {
  const text = start.toString('latin1', 0, 1000);
  return STAND_INS.find(([pattern]) => pattern.test(text))?.[1];
}

/** The same for a file that exists. */
export function standInOf(file: string): string | undefined {
  const descriptor = fs.openSync(file, 'r');
  try {
    const start = Buffer.alloc(1000);
    return standIn(start.subarray(0, fs.readSync(descriptor, start)));
  } finally {
    fs.closeSync(descriptor);
  }
}
