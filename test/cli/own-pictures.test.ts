import fs from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import { randomUniform } from '../../src/data/index';
import { cli } from '../support/command';
import { temporaryFolder } from '../support/idx';

const temporary = temporaryFolder();
const place = (name: string) => path.join(temporary, name);
const random = randomUniform(1);

/** Pictures of `classes`, 30 of each: a square of the class's colour at a random place. */
async function pictures(folder: string, classes: Record<string, string>): Promise<string> {
  for (const [name, colour] of Object.entries(classes)) {
    fs.mkdirSync(place(`${folder}/${name}`), { recursive: true });
    for (let i = 0; i < 30; i++) {
      const [x, y] = [Math.floor(30 * random()), Math.floor(30 * random())];
      const svg = `<svg width="60" height="50"><rect width="60" height="50" fill="#888"/><rect x="${x}" y="${y}" width="20" height="15" fill="${colour}"/></svg>`;
      await sharp(Buffer.from(svg)).toFile(place(`${folder}/${name}/${i}.png`));
    }
  }
  return place(folder);
}

test('a network for pictures of your own: trained, evaluated, asked, exported, fine-tuned', async () => {
  const data = await pictures('colours', { red: '#d33', green: '#3d3', blue: '#33d' });
  const run = place('run');
  const settings = ['--epochs', '12', '--batch-size', '16', '--lr', '0.003'];
  const trained = await cli(
    'train',
    '--data',
    data,
    '--network',
    'lenet5',
    '--run',
    run,
    ...settings,
  );
  expect(trained.stdout).toContain('colours train: 69 images, 6 more for validation');
  expect(trained.stdout).toContain('Input: 28×28 colour, normalised with mean 0.5');
  const evaluated = await cli('evaluate', '--model', run, '--data', data, '--json');
  const { accuracy, classNames } = JSON.parse(evaluated.stdout);
  expect([accuracy, classNames]).toEqual([1, ['blue', 'green', 'red']]);

  const weights = place('colours.pth');
  expect((await cli('export', '--model', run, '--to', weights)).code).toBe(0);
  const picture = path.join(data, 'green/3.png');
  for (const model of [run, weights]) {
    const { stdout } = await cli('predict', '--model', model, picture, '--json');
    expect(JSON.parse(stdout)).toMatchObject([{ name: 'green' }]);
  }

  const grey = await pictures('greys', { black: '#000', white: '#fff' });
  const tuned = place('tuned');
  const from = ['--from', weights, '--freeze', 'features', '--data', grey, '--run', tuned];
  const { stdout, stderr, code } = await cli('train', ...from, ...settings);
  expect(code).toBe(0);
  expect(stdout).toContain(`${weights}: a new last layer for 2 classes`);
  expect(stderr).toContain('the grey values of greys train are used for red, green and blue');
  expect(JSON.parse(fs.readFileSync(path.join(tuned, 'config.json'), 'utf8'))).toMatchObject({
    ...{ from: weights, freeze: 'features', inputSize: 28, dataFolder: grey },
  });
  const again = await cli('evaluate', '--model', tuned, '--data', grey, '--json');
  const tested = JSON.parse(again.stdout);
  expect(tested.classNames).toEqual(['black', 'white']);
  expect(tested.accuracy).toBeGreaterThan(0.8);

  const reverse = await cli('evaluate', '--model', 'notebooks/small/model', '--data', data);
  expect(reverse.stderr).toContain('the model wants grey images, those of colours test are colour');
}, 120_000);
