import fs from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { positiveInteger } from '../checks';
import { messageOf } from '../errors';
import { confidenceInterval, evaluate } from '../evaluate/index';
import { classNamesOf } from '../model/index';
import { RUN_SETTINGS, readRun, writeTest } from '../runs/index';
import type { Precision } from '../tf/index';
import { percent } from '../viz/index';
import {
  inColorsOf,
  inputText,
  type ModelArguments,
  modelOf,
  modelOptions,
  numberOf,
  precisionOption,
  resolvePrecision,
  takes,
  testImages,
} from './common';
import type { Io } from './io';

interface EvaluateArguments extends ModelArguments {
  data?: string;
  images?: number;
  precision: 'auto' | Precision;
}

export function define(command: Command, io: Io): void {
  modelOptions(command)
    .option('--data <dir>', RUN_SETTINGS.dataFolder.help)
    .option('--images <n>', 'use the first n only', numberOf(positiveInteger))
    .addOption(precisionOption())
    .option(
      '--json',
      'print {images, loss, accuracy, interval, confusion, classNames} and nothing else',
    )
    .action((args) => evaluateModel(io, args));
}

async function evaluateModel(io: Io, args: EvaluateArguments): Promise<void> {
  const images = await testImages(io, args.images, args.data);
  const model = await modelOf(io, args, takes(images));
  const set = inColorsOf(io, model, images);
  const names = classNamesOf(model);
  if (set.classNames.join() !== names.join()) {
    io.warn(
      `the model's classes are ${names.join(', ')}, those of ${set.name} are ${set.classNames.join(', ')}: ` +
        'they are compared in this order',
    );
  }
  const result = await evaluate(model, set, {
    precision: resolvePrecision(args.precision),
    onProgress: io.progress(args.json),
  });
  try {
    if (args.images === undefined && isRunOn(args.model, args.data)) writeTest(args.model, result);
  } catch (error) {
    io.warn(messageOf(error)); // the folder cannot be written, or is damaged
  }
  const { images: count, loss, accuracy, confusion } = result;
  const interval = confidenceInterval(accuracy, count);
  if (args.json) {
    io.printJson({
      images: count,
      loss,
      accuracy,
      interval,
      confusion,
      classNames: set.classNames,
    });
    return;
  }
  io.print(
    `${set.name}: ${count} images, loss ${loss.toFixed(4)}, accuracy ${percent(accuracy)} (95% confidence: ${interval.map((p) => percent(p)).join(' to ')})`,
  );
  io.print(`Input: ${inputText(model)}`);
  io.print('\nConfusion matrix (rows: actual, columns: predicted)');
  const width = Math.max(5, ...set.classNames.map((name) => name.length));
  const row = (cells: (string | number)[]) =>
    cells.map((cell) => String(cell).padStart(width)).join(' ');
  io.print(row(['', ...set.classNames]));
  confusion.forEach((counts, label) => {
    io.print(row([set.classNames[label], ...counts]));
  });
}

/** Whether `folder` has a run that was trained on the data of `--data`. */
function isRunOn(folder: string, data?: string): boolean {
  if (!fs.existsSync(path.join(folder, 'config.json'))) return false;
  const { dataFolder } = readRun(folder).config;
  return (dataFolder ? path.resolve(dataFolder) : undefined) === (data && path.resolve(data));
}
