import { loadModel } from '../model/index';
import { predictFile } from '../predict/index';
import { percent } from '../viz/index';
import { command, printJson, progressUnless, run } from './common';

const program = command(
  'predict',
  'Names the digit in each image file (PNG, JPEG, BMP, GIF, TIFF).',
)
  .argument('<file...>', 'image files')
  .requiredOption(
    '--model <dir>',
    'a run folder, a tfjs model folder, or PyTorch weights: .pth, .safetensors',
  )
  .option('--json', 'print [{file, prediction, probabilities}] and nothing else')
  .action(predictCommand);

async function predictCommand(
  files: string[],
  args: { model: string; json?: boolean },
): Promise<void> {
  const model = await loadModel(args.model, { onProgress: progressUnless(args.json) });
  const predictions = [];
  for (const file of files) predictions.push({ file, ...(await predictFile(model, file)) });
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
  }
}

run(program);
