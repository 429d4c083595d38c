import { FORMATS } from '../decode/index';
import { doubtOf } from '../doubt';
import { replaceFile } from '../files';
import type { DigitStep } from '../image/index';
import { predictImage, readDigit } from '../predict/index';
import { loadModel } from '../storage/index';
import { bar, percent, stepsGrid } from '../viz/index';
import { command, MODEL_HELP, printJson, progressUnless, run, warnIfInterrupted } from './common';

const program = command('predict', `Reads the digit in each image file (${FORMATS}).`)
  .argument('<file...>', 'image files')
  .requiredOption('--model <dir>', MODEL_HELP)
  .option(
    '--as-is',
    'use pictures that are already light on dark and framed as in MNIST; only make them grey and square',
  )
  .option('--steps <png>', 'save a picture of the steps from each picture to 28×28')
  .option('--json', 'print [{file, prediction, probabilities}] and nothing else')
  .action(predictCommand);

async function predictCommand(
  files: string[],
  args: { model: string; asIs?: boolean; steps?: string; json?: boolean },
): Promise<void> {
  const pictures: DigitStep[][] = [];
  for (const file of files) pictures.push(await readDigit(file, { asIs: args.asIs }));
  if (args.steps) replaceFile(args.steps, await stepsGrid(pictures));
  warnIfInterrupted(args.model);
  const model = await loadModel(args.model, { onProgress: progressUnless(args.json) });
  const predictions = files.map((file, i) => ({
    file,
    ...predictImage(model, pictures[i][pictures[i].length - 1]),
  }));
  if (args.json) {
    printJson(predictions);
    return;
  }
  for (const { file, prediction, probabilities } of predictions) {
    const second = probabilities
      .map((probability, label) => ({ label, probability }))
      .sort((a, b) => b.probability - a.probability)[1];
    console.log(
      `${file}: ${prediction} (${percent(probabilities[prediction])}; next ${second.label}, ${percent(second.probability)})`,
    );
    const doubt = doubtOf(probabilities);
    if (doubt) console.log(`  ${doubt}.`);
    probabilities.forEach((probability, label) => {
      console.log(`  ${label} ${bar(probability, 24)} ${percent(probability, 1).padStart(6)}`);
    });
  }
  if (args.steps) console.log(`Written: ${args.steps}`);
}

run(program);
