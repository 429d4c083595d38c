import os from 'node:os';
import { type Command, Option } from 'commander';
import { DATASET_NAMES, type DatasetName, downloadDataset, SOURCES } from '../download/index';
import { isTerminal } from '../viz/index';
import type { Io } from './io';

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

interface DataArguments {
  dataset: DatasetName;
  to: string;
  mirror?: string[];
  json?: boolean;
}

export function define(command: Command, io: Io): void {
  command
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
    .action((args) => download(io, args));
}

async function download(io: Io, { dataset, to, mirror, json }: DataArguments): Promise<void> {
  const controller = new AbortController();
  const onSignal = (signal: NodeJS.Signals) => {
    io.exitCode = 128 + os.constants.signals[signal];
    controller.abort();
  };
  // Once: a second Ctrl-C ends the process immediately.
  for (const signal of SIGNALS) process.once(signal, onSignal);
  const show = io.progress(json);
  let barIsOpen = false;
  const closeBar = () => {
    if (barIsOpen) io.stdout.write('\n');
    barIsOpen = false;
  };
  try {
    const { folder, files } = await downloadDataset(SOURCES[dataset], {
      to,
      mirrors: mirror,
      signal: controller.signal,
      onProgress(progress) {
        show?.(progress);
        barIsOpen = !json && isTerminal(io.stdout) && progress.done < progress.total;
      },
      onNotice(line) {
        closeBar();
        (json ? io.stderr : io.stdout).write(`${line}\n`);
      },
    });
    if (json) {
      io.printJson({ dataset, folder, files });
      return;
    }
    const counts = ['downloaded', 'resumed', 'present']
      .map((status) => ({ status, count: files.filter((file) => file.status === status).length }))
      .filter(({ count }) => count > 0)
      .map(({ status, count }) => `${count} ${status}`);
    io.print(
      `${SOURCES[dataset].name}: ${files.length} files, ${counts.join(', ')}. Use it with --data ${folder}`,
    );
  } catch (error) {
    closeBar();
    if (!controller.signal.aborted) throw error;
    if (!json) io.print('Interrupted. Run the same command again to continue');
  } finally {
    for (const signal of SIGNALS) process.removeListener(signal, onSignal);
  }
}
