import fs from 'node:fs';
import path from 'node:path';
import { type ImageSet, loadDataset, slice } from '../data/index';
import { InputError } from '../errors';
import { loadModel, saveModel, saveStateDict } from '../model/index';
import { evaluate } from '../predict/index';
import type { tf } from '../tf/index';
import { percent } from '../viz/index';
import { command, printJson, progressUnless, run, wholeNumber } from './common';

interface ExportArguments {
  model: string;
  to: string;
  quantize?: boolean;
  images: number;
  data?: string;
  force?: boolean;
  json?: boolean;
}

const program = command('export', 'Writes a model for PyTorch, or as a tfjs folder for a browser.')
  .requiredOption(
    '--model <dir>',
    'a run folder, a tfjs model folder, or PyTorch weights: .pth, .safetensors',
  )
  .requiredOption('--to <path>', 'FILE.pth, FILE.safetensors, or a folder, which is tfjs')
  .option('--quantize', 'keep the weights of a folder in 8 bits, and tell the accuracy lost')
  .option('--images <n>', 'test images to measure that on; 0: do not', wholeNumber, 1000)
  .option(
    '--data <dir>',
    "a folder of IDX files, or torchvision's layout (default: MNIST, embedded)",
  )
  .option('--force', 'replace what is there')
  .option('--json', 'print {to, format, bytes, accuracy} and nothing else')
  .action(exportCommand);

async function exportCommand(args: ExportArguments): Promise<void> {
  const format = formatOf(args.to);
  const { quantize = false } = args;
  if (quantize && format !== 'tfjs') {
    throw new InputError(`--quantize: a ${format} file has float32, want a folder as --to`);
  }
  checkTarget(args.to, format, args.force);
  const set = quantize && args.images > 0 ? testImages(args.images, args.data) : undefined;
  const onProgress = progressUnless(args.json);

  const model = await loadModel(args.model, { onProgress });
  if (format === 'tfjs') await saveModel(model, args.to, { quantised: quantize });
  else await saveStateDict(model, args.to);
  const bytes = sizeOf(args.to);
  const measure = async (measured: tf.LayersModel, images: ImageSet) =>
    (await evaluate(measured, images, { onProgress })).accuracy;
  const accuracy = set && {
    images: set.length,
    before: await measure(model, set),
    after: await measure(await loadModel(args.to), set),
  };
  if (args.json) {
    printJson({ to: args.to, format, bytes, accuracy });
    return;
  }
  console.log(`Written: ${args.to} (${format}, ${(bytes / 1e6).toFixed(1)} MB)`);
  if (accuracy) {
    const { images, before, after } = accuracy;
    console.log(
      `Accuracy on ${images} test images: ${percent(before)} before, ${percent(after)} in 8 bits`,
    );
  }
}

function formatOf(target: string): 'pth' | 'safetensors' | 'tfjs' {
  const extension = path.extname(target).toLowerCase();
  if (extension === '.pth' || extension === '.pt') return 'pth';
  return extension === '.safetensors' ? 'safetensors' : 'tfjs';
}

/** Before anything is done: what is there is only replaced when asked for, and only by its own kind. */
function checkTarget(target: string, format: string, force = false): void {
  if (!fs.existsSync(target)) return;
  if (!force) throw new InputError(`${target}: is there already. --force replaces it`);
  const isFolder = fs.statSync(target).isDirectory();
  if (format !== 'tfjs' && isFolder) throw new InputError(`${target}: a folder, want a file`);
  if (format === 'tfjs' && !isFolder) throw new InputError(`${target}: a file, want a folder`);
  if (isFolder) {
    const others = fs.readdirSync(target).filter((name) => !/^(model\.json|.*\.bin)$/.test(name));
    if (others.length > 0) {
      throw new InputError(
        `${target}: holds ${others[0]}, which no tfjs model has: will not replace it`,
      );
    }
  }
}

function testImages(count: number, data: string | undefined): ImageSet {
  const all = loadDataset('test', data);
  if (count > all.length) throw new InputError(`--images ${count}: there are ${all.length}`);
  return slice(all, 0, count);
}

/** Bytes of a file, or of the files in a folder. */
function sizeOf(target: string): number {
  const stat = fs.statSync(target);
  if (!stat.isDirectory()) return stat.size;
  return fs
    .readdirSync(target)
    .reduce((sum, name) => sum + fs.statSync(path.join(target, name)).size, 0);
}

run(program);
