import { InputError } from '../errors';
import { replaceFile } from '../files';
import { compareRuns, differences, readRun, summaryOf } from '../runs/index';
import { figureSvg, lossComparison, plainTable } from '../viz/index';
import { command, printJson, run, warnIfInterrupted } from './common';

const program = command('compare', 'Compares training runs: their settings, results and losses.')
  .argument('<dir...>', 'run folders')
  .option('--picture <svg>', 'also draw the loss curves')
  .option('--json', 'print [{folder, settings, epochs, …}] and nothing else')
  .action(compareCommand);

function compareCommand(folders: string[], args: { picture?: string; json?: boolean }): void {
  const runs = folders.map(readRun);
  folders.forEach(warnIfInterrupted);
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
    printJson(
      runs.map((one) => ({
        ...summaryOf(one),
        settings: Object.fromEntries(names.map((name) => [name, one.config[name]])),
      })),
    );
    return;
  }
  console.log(plainTable([['', ...folders], ...compareRuns(runs)]));
  if (args.picture) console.log(`\nWritten: ${args.picture}`);
}

run(program);
