/** One small intact file of each kind that the project reads. */
import fs from 'node:fs';
import path from 'node:path';
import { Jimp } from 'jimp';
import { loadImages } from '../../src/datasets/index';
import { InputError } from '../../src/errors';
import { alexnet, type LayerSpec } from '../../src/model/index';
import { readDigit } from '../../src/predict/index';
import {
  readCheckpoint,
  readRun,
  readUnfinished,
  trainRun,
  trainState,
} from '../../src/runs/index';
import { loadModel, saveModel } from '../../src/storage/index';
import { tf } from '../../src/tf/index';
import { folderOf, idxImages, idxLabels } from '../../test/support/idx';

export interface Kind {
  kind: string;
  /** The file to damage; intact at first. */
  file: string;
  /** Reads the file and returns its content. */
  read: () => unknown | Promise<unknown>;
  /** There is a checksum: an accepted file must give the content of the intact one. */
  isVerified?: boolean;
}

const LAYERS: LayerSpec[] = [
  { kind: 'conv', name: 'conv1', filters: 4, kernel: 5, stride: 4, padding: 2 },
  { kind: 'flatten', name: 'flatten' },
  { kind: 'dropout', name: 'dropout' },
  { kind: 'dense', name: 'fc', units: 0, relu: false },
];

/** Writes a small intact file of each kind to `folder`. */
export async function prepare(folder: string): Promise<Kind[]> {
  const place = (...names: string[]) => path.join(folder, ...names);
  // 60 images of a vertical bar.
  const data = folderOf(folder, 'data', {
    'train-images-idx3-ubyte': idxImages(60, 28, 28, (i) => {
      const image = Math.floor(i / 784);
      return i % 28 === 2 * (image % 10) + 4 ? 255 : 0;
    }),
    'train-labels-idx1-ubyte': idxLabels(Array.from({ length: 60 }, (_, i) => i % 10)),
  });
  const readSet = () => loadImages(data, 'train');
  const set = await readSet();
  const model = alexnet({ inputSize: 28, layers: LAYERS });
  const run = place('run');
  await trainRun(run, model, set, { epochs: 1, batchSize: 20 });
  await saveModel(model, place('model'));
  const unfinished = place('unfinished');
  let steps = 0;
  await trainRun(unfinished, model, set, {
    epochs: 1,
    batchSize: 20,
    onProgress: () => {
      if (++steps === 2) process.emit('SIGINT');
    },
  });
  model.dispose();
  const picture = new Jimp({ width: 28, height: 28, color: 0x000000ff });
  picture.scan((x, y, offset) => {
    const lit = x > 12 && x < 16 && y > 4 && y < 24;
    picture.bitmap.data.fill(lit ? 255 : 0, offset, offset + 3);
  });
  const [png, jpeg] = [place('digit.png'), place('digit.jpg')];
  fs.writeFileSync(png, await picture.getBuffer('image/png'));
  fs.writeFileSync(jpeg, await picture.getBuffer('image/jpeg'));

  const checkpoints = path.join(unfinished, 'checkpoints');
  const checkpoint = fs.readdirSync(checkpoints).find((name) => name.endsWith('.ckpt'))!;
  const readNewest = () => {
    const damages: string[] = [];
    const found = readCheckpoint(checkpoints, trainState, (message) => damages.push(message));
    if (!found) throw new InputError(damages.join('; '));
    return [found.state, found.arrays.map((array) => [...array.read()])];
  };
  const readModel = async () => {
    const loaded = await loadModel(place('model'));
    try {
      return loaded.countParams();
    } finally {
      loaded.dispose();
      tf.disposeVariables();
    }
  };
  const kind = (name: string, file: string, read: Kind['read'], isVerified = false): Kind => {
    return { kind: name, file, read, isVerified };
  };
  const readLength = async () => (await readSet()).length;
  const digit = (file: string) => async () => (await readDigit(file)).length;
  return [
    kind('IDX images', path.join(data, 'train-images-idx3-ubyte'), readLength),
    kind('IDX labels', path.join(data, 'train-labels-idx1-ubyte'), readLength),
    kind('checkpoint', path.join(checkpoints, checkpoint), readNewest, true),
    kind('checksum', path.join(checkpoints, `${checkpoint}.sha256`), readNewest, true),
    kind('unfinished run', path.join(checkpoints, 'run.json'), () => readUnfinished(unfinished)),
    ...['config.json', 'history.json', 'steps.json'].map((name) =>
      kind(name, path.join(run, name), () => readRun(run)),
    ),
    kind('model.json', place('model', 'model.json'), readModel),
    kind('weights.bin', place('model', 'weights.bin'), readModel),
    kind('PNG', png, digit(png)),
    kind('JPEG', jpeg, digit(jpeg)),
  ];
}
