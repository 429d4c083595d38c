import path from 'node:path';
import type { Command } from 'commander';
import { wholeNumber } from '../checks';
import { exportModel, holdsModel, removeModel, serve, writePage } from '../draw/index';
import { InputError } from '../errors';
import { lockFolder } from '../files';
import { root } from '../root';
import {
  loadOptions,
  MODEL_HELP,
  type ModelArguments,
  numberOf,
  warnIfInterrupted,
  weightsOptions,
} from './common';
import type { Io } from './io';

interface DrawArguments extends Omit<ModelArguments, 'model'> {
  model?: string;
  port?: number;
  output?: string;
}

const RUN = path.join(root, 'runs', 'tutorial');
const PORT = 8000;

export function define(command: Command, io: Io): void {
  weightsOptions(command.option('--model <dir>', `${MODEL_HELP} (default: runs/tutorial)`))
    .option(
      '--port <n>',
      `a port on 127.0.0.1; 0 for any free one (default: ${PORT} if it is free, or any free one)`,
      numberOf(wholeNumber),
    )
    .option(
      '--output <dir>',
      'the folder to serve; the page is written to draw/ in it (default: build/tutorial)',
    )
    .action((args) => draw(io, args));
}

async function draw(io: Io, args: DrawArguments): Promise<void> {
  const { port, model = holdsModel(RUN) ? RUN : undefined } = args;
  if (port && port > 65535) throw new InputError(`--port ${port}: want 0 to 65535`);
  const output = args.output ?? path.join(root, 'build', 'tutorial');
  const page = await writePage(output);
  // The model is served from memory. So two of these commands may use the folder, one after the other.
  const unlock = lockFolder(page, 'is writing its model there. Try again in a minute');
  if (model !== undefined) {
    warnIfInterrupted(io, model);
    const isNew = await exportModel(model, page, loadOptions(io, args));
    if (isNew) io.print(`Exported the model in 8 bits: ${path.join(page, 'model')}`);
  } else {
    removeModel(page);
    io.print(
      "There is no trained model yet. Train one with 'npm run tutorial' or notebook 4, or pass --model FILE.pth",
    );
  }
  const served = path.join(path.basename(page), 'model');
  const site = await serve(output, port ?? PORT, served).catch((error) => {
    if (port !== undefined) throw error;
    return serve(output, 0, served);
  });
  unlock();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => site.close());
  io.print(`Open ${site.url}draw/ in a browser. Press Ctrl-C to stop`);
}
