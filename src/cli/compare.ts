import type { Command } from 'commander';
import { InputError } from '../errors';
import { replaceFile } from '../files';
import { compareRuns, differences, readRun, summaryOf } from '../runs/index';
import { figureSvg, lossComparison, plainTable } from '../viz/index';
import { warnIfInterrupted } from './common';
import type { Io } from './io';

export function define(command: Command, io: Io): void {
  command
    .argument('<dir...>', 'run folders')
    .option('--picture <svg>', 'also draw the loss curves')
    .option('--json', 'print [{folder, settings, epochs, …}] and nothing else')
    .action((folders, args) => compare(io, folders, args));
}

function compare(io: Io, folders: string[], args: { picture?: string; json?: boolean }): void {
  const runs = folders.map(readRun);
  for (const folder of folders) warnIfInterrupted(io, folder);
  if (args.picture && !args.picture.endsWith('.svg')) {
    throw new InputError(`--picture ${args.picture}: want a name that ends in .svg`);
  }
  if (args.picture) {
    const curves = runs.map(({ folder, steps }) => ({
      name: folder,
      losses: steps.map(({ loss }) => loss),
    }));
    replaceFile(
      args.picture,
      figureSvg(lossComparison(curves, 'Loss of each run'), 'Loss of each run'),
    );
  }
  if (args.json) {
    const names = differences(runs);
    io.printJson(
      runs.map((one) => ({
        ...summaryOf(one),
        settings: Object.fromEntries(names.map((name) => [name, one.config[name]])),
      })),
    );
    return;
  }
  io.print(plainTable([['', ...folders], ...compareRuns(runs)]));
  if (args.picture) io.print(`\nWritten: ${args.picture}`);
}
