import os from 'node:os';
import { Option } from 'commander';
import { DATASET_NAMES, type DatasetName, downloadDataset, SOURCES } from '../download/index';
import { isTerminal } from '../viz/index';
import { command, printJson, progressUnless, run } from './common';

interface DataArguments {
  dataset: DatasetName;
  to: string;
  mirror?: string[];
  json?: boolean;
}

const program = command('data', "Downloads a dataset in torchvision's folder layout and checks it.")
  .addOption(
    new Option('--dataset <name>', 'the dataset').choices(DATASET_NAMES).makeOptionMandatory(),
  )
  .requiredOption(
    '--to <dir>',
    'the root folder; the files are written to MNIST/raw, FashionMNIST/raw or KMNIST/raw in it',
  )
  .option(
    '--mirror <url>',
    'address of a folder to try first; repeat for more, tried in order',
    (url: string, before: string[] = []) => [...before, url],
  )
  .option('--json', 'print {dataset, folder, files} and nothing else')
  .action(dataCommand);

async function dataCommand({ dataset, to, mirror, json }: DataArguments): Promise<void> {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    // Once: a second Ctrl-C ends the process immediately.
    process.once(signal, () => {
      process.exitCode = 128 + os.constants.signals[signal];
      controller.abort();
    });
  }
  const show = progressUnless(json);
  let barIsOpen = false;
  const closeBar = () => {
    if (barIsOpen) process.stdout.write('\n');
    barIsOpen = false;
  };
  try {
    const { folder, files } = await downloadDataset(SOURCES[dataset], {
      to,
      mirrors: mirror,
      signal: controller.signal,
      onProgress(progress) {
        show?.(progress);
        barIsOpen = !json && isTerminal(process.stdout) && progress.done < progress.total;
      },
      onNotice(line) {
        closeBar();
        (json ? process.stderr : process.stdout).write(`${line}\n`);
      },
    });
    if (json) {
      printJson({ dataset, folder, files });
      return;
    }
    const counts = ['downloaded', 'resumed', 'present']
      .map((status) => ({ status, count: files.filter((file) => file.status === status).length }))
      .filter(({ count }) => count > 0)
      .map(({ status, count }) => `${count} ${status}`);
    console.log(
      `${SOURCES[dataset].name}: ${files.length} files, ${counts.join(', ')}. Use it with --data ${folder}`,
    );
  } catch (error) {
    closeBar();
    if (!controller.signal.aborted) throw error;
    if (!json) console.log('Interrupted. Run the same command again to continue');
  }
}

run(program);
