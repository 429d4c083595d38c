import fs from 'node:fs';
import path from 'node:path';
import { wholeNumber } from '../checks';
import { type ImageSet, loadDataset, slice } from '../data/index';
import { InputError } from '../errors';
import { evaluate } from '../evaluate/index';
import { saveStateDict } from '../pytorch/index';
import { RUN_SETTINGS } from '../runs/index';
import { loadModel, saveModel } from '../storage/index';
import type { tf } from '../tf/index';
import { percent } from '../viz/index';
import { command, MODEL_HELP, numberOf, printJson, progressUnless, run } from './common';

interface ExportArguments {
  model: string;
  to: string;
  quantize?: boolean;
  images: number;
  data?: string;
  force?: boolean;
  json?: boolean;
}

const program = command('export', 'Exports a model to PyTorch, or to a tfjs folder for browsers.')
  .requiredOption('--model <dir>', MODEL_HELP)
  .requiredOption('--to <path>', 'FILE.pth, FILE.safetensors, or a folder for tfjs')
  .option('--quantize', 'store the weights in 8 bits (folders only) and report the accuracy lost')
  .option('--images <n>', 'test images for that report; 0: no report', numberOf(wholeNumber), 1000)
  .option('--data <dir>', RUN_SETTINGS.dataFolder.help)
  .option('--force', 'overwrite an existing file or folder')
  .option('--json', 'print {to, format, bytes, accuracy} and nothing else')
  .action(exportCommand);

async function exportCommand(args: ExportArguments): Promise<void> {
  const format = formatOf(args.to);
  const { quantize = false } = args;
  if (quantize && format !== 'tfjs') {
    throw new InputError(`--quantize: ${format} files store float32; pass a folder as --to`);
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

/** Overwrites only if asked to, and only a file by a file, a model folder by a model folder. */
function checkTarget(target: string, format: string, force = false): void {
  if (!fs.existsSync(target)) return;
  if (!force) throw new InputError(`${target}: already exists. Pass --force to overwrite it`);
  const isFolder = fs.statSync(target).isDirectory();
  if (format !== 'tfjs' && isFolder) throw new InputError(`${target}: is a folder, want a file`);
  if (format === 'tfjs' && !isFolder) throw new InputError(`${target}: is a file, want a folder`);
  if (isFolder) {
    const others = fs.readdirSync(target).filter((name) => !/^(model\.json|.*\.bin)$/.test(name));
    if (others.length > 0) {
      throw new InputError(
        `${target}: holds ${others[0]}, which is not part of a tfjs model: not overwritten`,
      );
    }
  }
}

function testImages(count: number, data: string | undefined): ImageSet {
  const all = loadDataset('test', data);
  if (count > all.length) throw new InputError(`--images ${count}: there are only ${all.length}`);
  return slice(all, 0, count);
}

/** The size of a file, or of the files in a folder, in bytes. */
function sizeOf(target: string): number {
  const stat = fs.statSync(target);
  if (!stat.isDirectory()) return stat.size;
  return fs
    .readdirSync(target)
    .reduce((sum, name) => sum + fs.statSync(path.join(target, name)).size, 0);
}

run(program);
