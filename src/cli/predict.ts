import type { Command } from 'commander';
import { FORMATS, pictureSize } from '../decode/index';
import { doubtOf, WIDE } from '../doubt';
import { InputError } from '../errors';
import { replaceFile } from '../files';
import { type Box, type DigitStep, isWide } from '../image/index';
import { classNamesOf, readsDigits } from '../model/index';
import { type Prediction, predictFile, predictImage, readDigits } from '../predict/index';
import { bar, percent, stepsGrid } from '../viz/index';
import { inputText, type ModelArguments, modelOf, modelOptions } from './common';
import type { Io } from './io';

export function define(command: Command, io: Io): void {
  modelOptions(command.argument('<file...>', `image files (${FORMATS})`))
    .option(
      '--as-is',
      'use pictures that are already light on dark and framed as in MNIST; only make them grey and square',
    )
    .option('--steps <png>', 'save a picture of the steps from each picture to 28×28')
    .option(
      '--json',
      'print [{file, box, prediction, name, probabilities}], one for each digit, and nothing else',
    )
    .action((files, args) => predict(io, files, args));
}

/** What is printed for a picture, or for each digit in it. */
interface Found extends Prediction {
  file: string;
  /** Where the digit is, in pixels. Not for other classes. */
  box?: Box;
  name: string;
}

async function predict(
  io: Io,
  named: string[],
  args: ModelArguments & { asIs?: boolean; steps?: string },
): Promise<void> {
  const files = [...new Set(named)];
  for (const file of files) await pictureSize(file); // before the model is loaded
  const model = await modelOf(io, args);
  const names = classNamesOf(model);
  const isForDigits = readsDigits(model);
  if (args.steps && !isForDigits) {
    throw new InputError('--steps: only a network for digits has them');
  }
  const pictures: DigitStep[][] = [];
  const found: Found[] = [];
  for (const file of files) {
    if (!isForDigits) {
      const { prediction, probabilities } = await predictFile(model, file);
      found.push({ file, prediction, name: names[prediction], probabilities });
      continue;
    }
    for (const { box, steps } of await readDigits(file, { asIs: args.asIs })) {
      pictures.push(steps);
      const { prediction, probabilities } = predictImage(model, steps.at(-1)!);
      found.push({ file, box, prediction, name: names[prediction], probabilities });
    }
  }
  if (args.steps) replaceFile(args.steps, await stepsGrid(pictures));
  if (args.json) {
    io.printJson(found);
    return;
  }
  io.print(`Input: ${inputText(model)}`);
  for (const file of files) {
    const inFile = found.filter((each) => each.file === file);
    if (inFile.length > 1) {
      const list = inFile.map(({ name }) => name).join(' ');
      const isRow = inFile.every(({ box }, i) => i === 0 || box!.left > inFile[i - 1].box!.left);
      const order = isRow ? 'from left to right' : 'row by row';
      io.print(`${file}: ${inFile.length} digits, ${order}: ${list}`);
    }
    for (const each of inFile) show(io, each, names, inFile.length > 1);
  }
  if (args.steps) io.print(`Written: ${args.steps}`);
}

/** Prints a prediction with its place, if there are several in the file, and its most probable classes. */
function show(
  io: Io,
  { file, box, prediction, probabilities }: Found,
  names: readonly string[],
  withPlace: boolean,
): void {
  const ranked = probabilities
    .map((probability, label) => ({ label, probability }))
    .sort((a, b) => b.probability - a.probability);
  const [, second] = ranked;
  const place =
    withPlace && box ? ` x ${box.left} to ${box.right}, y ${box.top} to ${box.bottom}` : '';
  io.print(
    `${file}${place}: ${names[prediction]} (${percent(probabilities[prediction])}; next ${names[second.label]}, ${percent(second.probability)})`,
  );
  if (box) {
    for (const doubt of [doubtOf(probabilities), isWide(box) && WIDE]) {
      if (doubt) io.print(`  ${doubt}.`);
    }
  }
  // All ten digits in their order, or the five best of other classes.
  const shown = box ? ranked.sort((a, b) => a.label - b.label) : ranked.slice(0, 5);
  const width = Math.max(...shown.map(({ label }) => names[label].length));
  for (const { label, probability } of shown) {
    const name = names[label].padEnd(width);
    io.print(`  ${name} ${bar(probability, 24)} ${percent(probability, 1).padStart(6)}`);
  }
}
