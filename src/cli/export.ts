import fs from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { wholeNumber } from '../checks';
import { InputError } from '../errors';
import { evaluate } from '../evaluate/index';
import { saveStateDict } from '../pytorch/index';
import { RUN_SETTINGS } from '../runs/index';
import { loadModel, saveModel } from '../storage/index';
import { percent } from '../viz/index';
import {
  inColorsOf,
  type ModelArguments,
  modelOf,
  modelOptions,
  numberOf,
  takes,
  testImages,
} from './common';
import type { Io } from './io';

interface ExportArguments extends ModelArguments {
  to: string;
  quantize?: boolean;
  images: number;
  data?: string;
  force?: boolean;
}

export function define(command: Command, io: Io): void {
  modelOptions(command)
    .requiredOption('--to <path>', 'FILE.pth, FILE.safetensors, or a folder for tfjs')
    .option('--quantize', 'store the weights in 8 bits (folders only) and report the accuracy lost')
    .option(
      '--images <n>',
      'test images for that report; 0: no report',
      numberOf(wholeNumber),
      1000,
    )
    .option('--data <dir>', RUN_SETTINGS.dataFolder.help)
    .option('--force', 'overwrite an existing file or folder')
    .option('--json', 'print {to, format, bytes, accuracy} and nothing else')
    .action((args) => exportModel(io, args));
}

async function exportModel(io: Io, args: ExportArguments): Promise<void> {
  const format = formatOf(args.to);
  const { quantize = false } = args;
  if (quantize && format !== 'tfjs') {
    throw new InputError(`--quantize: ${format} files store float32; pass a folder as --to`);
  }
  checkTarget(args.to, format, args.force);
  const images =
    quantize && args.images > 0 ? await testImages(io, args.images, args.data) : undefined;
  const onProgress = io.progress(args.json);

  const model = await modelOf(io, args, images && takes(images));
  const set = images && inColorsOf(io, model, images);
  if (format === 'tfjs') await saveModel(model, args.to, { quantised: quantize });
  else await saveStateDict(model, args.to);
  const bytes = sizeOf(args.to);
  const accuracy = set && {
    images: set.length,
    before: (await evaluate(model, set, { onProgress })).accuracy,
    after: (await evaluate(await loadModel(args.to), set, { onProgress })).accuracy,
  };
  if (args.json) {
    io.printJson({ to: args.to, format, bytes, accuracy });
    return;
  }
  io.print(`Written: ${args.to} (${format}, ${(bytes / 1e6).toFixed(1)} MB)`);
  if (accuracy) {
    const { images, before, after } = accuracy;
    io.print(
      `Accuracy on ${images} test images: ${percent(before)} before, ${percent(after)} in 8 bits`,
    );
  }
}

const FROM_PTH = 'Export a .pth, load it in PyTorch';
const TO_KERAS =
  'Export a folder for tfjs, then: tensorflowjs_converter --input_format=tfjs_layers_model --output_format';
/** How to get other formats. */
const ELSEWHERE: Record<string, string> = {
  '.onnx': `${FROM_PTH}, and call torch.onnx.export`,
  '.npz': `${FROM_PTH}, and call numpy.savez on its state_dict()`,
  '.ckpt': `${FROM_PTH}, and call torch.save({'state_dict': weights}, path)`,
  '.bin': 'A .pth has the same content: export that and rename it',
  '.h5': `${TO_KERAS}=keras FOLDER/model.json MODEL.h5`,
  '.keras': `${TO_KERAS}=keras FOLDER/model.json MODEL.h5, and in Keras load_model('MODEL.h5').save('MODEL.keras')`,
  '.tflite': `${TO_KERAS}=keras FOLDER/model.json MODEL.h5, and convert that to TensorFlow Lite`,
  '.pb': `${TO_KERAS}=keras_saved_model FOLDER/model.json SAVED_MODEL`,
  '.zip': 'Export a folder for tfjs and zip it',
};

function formatOf(target: string): 'pth' | 'safetensors' | 'tfjs' {
  const extension = path.extname(target).toLowerCase();
  if (extension === '.pth' || extension === '.pt') return 'pth';
  if (extension === '.safetensors') return 'safetensors';
  const how = ELSEWHERE[extension];
  if (how) {
    throw new InputError(
      `--to ${target}: cannot write ${extension}, only .pth, .safetensors and a folder for tfjs. ${how}`,
    );
  }
  return 'tfjs';
}

/** Throws unless `target` is free, or `force` is set and it is a file or a model folder, as `format` wants. */
function checkTarget(target: string, format: string, force = false): void {
  if (!fs.existsSync(target)) return;
  if (!force) throw new InputError(`${target}: already exists. Pass --force to overwrite it`);
  const isFolder = fs.statSync(target).isDirectory();
  if (format !== 'tfjs' && isFolder) throw new InputError(`${target}: is a folder, want a file`);
  if (format === 'tfjs' && !isFolder) throw new InputError(`${target}: is a file, want a folder`);
  const names = isFolder ? fs.readdirSync(target) : [];
  const other = names.find((name) => !/^(model\.json|.*\.bin)$/.test(name));
  if (other) {
    throw new InputError(`${target}: contains ${other}, which is not part of a tfjs model`);
  }
}

/** The size of a file, or of the files in a folder, in bytes. */
function sizeOf(target: string): number {
  const stat = fs.statSync(target);
  if (!stat.isDirectory()) return stat.size;
  const names = fs.readdirSync(target);
  return names.reduce((sum, name) => sum + fs.statSync(path.join(target, name)).size, 0);
}
