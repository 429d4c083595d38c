import { FORMATS, pictureSize } from '../decode/index';
import { doubtOf } from '../doubt';
import { InputError } from '../errors';
import { replaceFile } from '../files';
import type { DigitStep } from '../image/index';
import { classNamesOf, readsDigits } from '../model/index';
import { predictFile, predictImage, readDigit } from '../predict/index';
import { bar, percent, stepsGrid } from '../viz/index';
import {
  command,
  inputText,
  type ModelArguments,
  modelOf,
  modelOptions,
  printJson,
  run,
} from './common';

const program = modelOptions(
  command(
    'predict',
    `Says what is in each picture: a digit, or the class of your own network (${FORMATS}).`,
  ).argument('<file...>', 'image files'),
)
  .option(
    '--as-is',
    'use pictures that are already light on dark and framed as in MNIST; only make them grey and square',
  )
  .option('--steps <png>', 'save a picture of the steps from each picture to 28×28')
  .option('--json', 'print [{file, prediction, name, probabilities}] and nothing else')
  .action(predictCommand);

async function predictCommand(
  files: string[],
  args: ModelArguments & { asIs?: boolean; steps?: string },
): Promise<void> {
  for (const file of files) await pictureSize(file); // before the model is loaded
  const model = await modelOf(args);
  const names = classNamesOf(model);
  const isForDigits = readsDigits(model);
  if (args.steps && !isForDigits) {
    throw new InputError('--steps: only a network for digits has them');
  }
  const pictures: DigitStep[][] = [];
  const predictions = [];
  for (const file of files) {
    if (isForDigits) pictures.push(await readDigit(file, { asIs: args.asIs }));
    const { prediction, probabilities } = isForDigits
      ? predictImage(model, pictures.at(-1)!.at(-1)!)
      : await predictFile(model, file);
    predictions.push({ file, prediction, name: names[prediction], probabilities });
  }
  if (args.steps) replaceFile(args.steps, await stepsGrid(pictures));
  if (args.json) {
    printJson(predictions);
    return;
  }
  console.log(`Input: ${inputText(model)}`);
  for (const { file, prediction, probabilities } of predictions) {
    const ranked = probabilities
      .map((probability, label) => ({ label, probability }))
      .sort((a, b) => b.probability - a.probability);
    const [, second] = ranked;
    console.log(
      `${file}: ${names[prediction]} (${percent(probabilities[prediction])}; next ${names[second.label]}, ${percent(second.probability)})`,
    );
    const doubt = doubtOf(probabilities);
    if (doubt && isForDigits) console.log(`  ${doubt}.`);
    // All ten digits in their order, or the five best of other classes.
    const shown = isForDigits ? ranked.sort((a, b) => a.label - b.label) : ranked.slice(0, 5);
    const width = Math.max(...shown.map(({ label }) => names[label].length));
    for (const { label, probability } of shown) {
      const name = names[label].padEnd(width);
      console.log(`  ${name} ${bar(probability, 24)} ${percent(probability, 1).padStart(6)}`);
    }
  }
  if (args.steps) console.log(`Written: ${args.steps}`);
}

run(program);
