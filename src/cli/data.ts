import os from 'node:os';
import { Option } from 'commander';
import { DATASET_NAMES, type DatasetName, downloadDataset, sourceOf } from '../data/index';
import type { Progress } from '../progress';
import { command, printJson, progressUnless, run } from './common';

interface DataArguments {
  dataset: DatasetName;
  to: string;
  mirror: string[];
  json?: boolean;
}

const program = command('data', "Downloads a data set, checked, in torchvision's layout.")
  .addOption(
    new Option('--dataset <name>', 'which one').choices(DATASET_NAMES).makeOptionMandatory(),
  )
  .requiredOption(
    '--to <dir>',
    'the root of the layout: the files go into MNIST/raw, FashionMNIST/raw or KMNIST/raw in it',
  )
  .option(
    '--mirror <url>',
    'ask the folder at this address first (several times: in this order)',
    (url: string, before: string[]) => [...before, url],
    [],
  )
  .option('--json', 'print {dataset, folder, files} and nothing else')
  .action(dataCommand);

async function dataCommand(args: DataArguments): Promise<void> {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    // Once: a second Ctrl-C ends the process at once.
    process.once(signal, () => {
      process.exitCode = 128 + os.constants.signals[signal];
      controller.abort();
    });
  }
  let barIsOpen = false;
  const endBar = () => {
    if (barIsOpen) process.stdout.write('\n');
    barIsOpen = false;
  };
  const show = progressUnless(args.json);
  try {
    const { folder, files } = await downloadDataset(args.dataset, {
      to: args.to,
      mirrors: args.mirror,
      signal: controller.signal,
      onProgress: (progress: Progress) => {
        show?.(progress);
        barIsOpen = !args.json && process.stdout.isTTY && progress.done < progress.total;
      },
      onNotice: (line) => {
        endBar();
        (args.json ? process.stderr : process.stdout).write(`${line}\n`);
      },
    });
    if (args.json) {
      printJson({ dataset: args.dataset, folder, files });
      return;
    }
    const counts = ['downloaded', 'resumed', 'present']
      .map((status) => [files.filter((file) => file.status === status).length, status] as const)
      .filter(([count]) => count > 0)
      .map(([count, status]) => `${count} ${status}`);
    console.log(
      `${sourceOf(args.dataset).name}: ${files.length} files, ${counts.join(', ')}. Use it with --data ${folder}`,
    );
  } catch (error) {
    endBar();
    if (!controller.signal.aborted) throw error;
    if (!args.json) console.log('Interrupted. The same command continues where it stopped');
  }
}

run(program);
