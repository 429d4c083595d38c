import path from 'node:path';
import { exportModel, holdsModel, removeModel, type Site, serve, writePage } from '../draw/index';
import { InputError } from '../errors';
import { command, progressUnless, run, wholeNumber } from './common';

interface DrawArguments {
  model?: string;
  port?: number;
  output?: string;
}

const root = path.resolve(__dirname, '../..');
const RUN = path.join(root, 'runs', 'tutorial');
const PORT = 8000;

const program = command('draw', 'Serves a page to draw a digit on, which your network reads there.')
  .option(
    '--model <dir>',
    'a run folder, a tfjs model folder, or PyTorch weights: .pth, .safetensors (default: runs/tutorial)',
  )
  .option('--port <n>', `of 127.0.0.1; 0: any that is free (default: ${PORT}, or any)`, wholeNumber)
  .option(
    '--output <dir>',
    'the folder to serve; the page goes into draw in it (default: build/tutorial)',
  )
  .action(draw);

async function draw(args: DrawArguments): Promise<void> {
  if (args.port !== undefined && args.port > 65535) {
    throw new InputError(`--port ${args.port}: want 0 to 65535`);
  }
  const output = args.output ?? path.join(root, 'build', 'tutorial');
  const page = await writePage(output);
  if (args.model !== undefined || holdsModel(RUN)) {
    const model = args.model ?? RUN;
    const isNew = await exportModel(model, page, progressUnless(false));
    if (isNew) console.log(`The model for the page, in 8 bits: ${path.join(page, 'model')}`);
  } else {
    removeModel(page);
    console.log(
      "There is no trained model yet. 'npm run tutorial' or notebook 3 trains one; --model FILE.pth names another",
    );
  }
  const site = await open(output, args.port);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => site.close());
  console.log(`Open ${site.url}draw/ in a browser. Ctrl-C ends it`);
}

function open(folder: string, port: number | undefined): Promise<Site> {
  if (port !== undefined) return serve(folder, port);
  return serve(folder, PORT).catch(() => serve(folder, 0));
}

run(program);
