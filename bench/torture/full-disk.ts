import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { readCheckpoint, trainState } from '../../src/runs/index';
import type { Result } from './result';
import { hashIn, SMALL, startTraining, undisturbed } from './training';

/** Fills a small file system while a checkpoint is written, then makes room and resumes the run. */
export async function fullDisk(folder: string): Promise<Result> {
  const what = 'disk full while a checkpoint is written';
  const disk = path.join(folder, 'disk');
  fs.mkdirSync(disk);
  const mount = (options: string) =>
    spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', disk]).status === 0;
  // There is room for one checkpoint but not for two.
  if (!mount('size=400m')) return { what, ok: true, found: 'left out: no right to mount a tmpfs' };
  try {
    const want = await undisturbed(path.join(folder, 'roomy'), SMALL, 'float32');
    const run = path.join(disk, 'run');
    const first = startTraining([...SMALL.args, '--precision', 'float32', '--run', run]);
    const code = await first.ended;
    const message = first.text().match(/^error: .*$/m)?.[0] ?? first.text().trim();
    const kept = readCheckpoint(path.join(run, 'checkpoints'), trainState);
    mount('remount,size=2g');
    const second = startTraining(['--resume', '--run', run]);
    const ended = await second.ended;
    const same = hashIn(second.text()) === want.hash;
    const ok = code === 1 && /ENOSPC/.test(message) && kept !== undefined && ended === 0 && same;
    const shown = message.replaceAll(`${disk}/`, '');
    const found = `“${shown}”; resumed with room: ${same ? 'the same hash' : second.text()}`;
    return { what, ok, found };
  } finally {
    spawnSync('umount', [disk]);
  }
}
