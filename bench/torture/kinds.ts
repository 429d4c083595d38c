/** One small intact file of each kind that the project reads. */
import fs from 'node:fs';
import path from 'node:path';
import { Jimp } from 'jimp';
import type { ImageSet } from '../../src/data/index';
import { loadImages } from '../../src/datasets/index';
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
  const set = await writeSet(place('data'));
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
  const image = place('digit.png');
  const picture = new Jimp({ width: 28, height: 28, color: 0x000000ff });
  picture.scan((x, y, offset) => {
    const lit = x > 12 && x < 16 && y > 4 && y < 24;
    picture.bitmap.data.fill(lit ? 255 : 0, offset, offset + 3);
  });
  fs.writeFileSync(image, await picture.getBuffer('image/png'));
  const photo = place('digit.jpg');
  fs.writeFileSync(photo, await picture.getBuffer('image/jpeg'));

  const checkpoints = path.join(unfinished, 'checkpoints');
  const checkpoint = fs.readdirSync(checkpoints).find((name) => name.endsWith('.ckpt'))!;
  const readModel = async () => {
    const loaded = await loadModel(place('model'));
    try {
      return loaded.countParams();
    } finally {
      loaded.dispose();
      tf.disposeVariables();
    }
  };
  const readNewest = () => {
    const damages: string[] = [];
    const found = readCheckpoint(checkpoints, trainState, (message) => damages.push(message));
    if (!found) throw Object.assign(new Error(damages.join('; ')), { name: 'InputError' });
    return [found.state, found.arrays.map((array) => [...array.read()])];
  };
  const dataKinds = ['train-images-idx3-ubyte', 'train-labels-idx1-ubyte'].map((name) => ({
    kind: `IDX ${name.includes('images') ? 'images' : 'labels'}`,
    file: place('data', name),
    read: async () => (await loadImages(place('data'), 'train')).length,
  }));
  return [
    ...dataKinds,
    {
      kind: 'checkpoint',
      file: path.join(checkpoints, checkpoint),
      read: readNewest,
      isVerified: true,
    },
    {
      kind: 'checksum',
      file: path.join(checkpoints, `${checkpoint}.sha256`),
      read: readNewest,
      isVerified: true,
    },
    {
      kind: 'unfinished run',
      file: path.join(checkpoints, 'run.json'),
      read: () => readUnfinished(unfinished),
    },
    ...['config.json', 'history.json', 'steps.json'].map((name) => ({
      kind: name,
      file: path.join(run, name),
      read: () => readRun(run),
    })),
    { kind: 'model.json', file: place('model', 'model.json'), read: readModel },
    { kind: 'weights.bin', file: place('model', 'weights.bin'), read: readModel },
    { kind: 'PNG', file: image, read: async () => (await readDigit(image)).length },
    { kind: 'JPEG', file: photo, read: async () => (await readDigit(photo)).length },
  ];
}

/** Writes 60 images of a vertical bar as IDX files and reads them. */
function writeSet(folder: string): Promise<ImageSet> {
  const [count, size] = [60, 28];
  const images = Buffer.alloc(16 + count * size * size);
  [2051, count, size, size].forEach((value, i) => {
    images.writeUInt32BE(value, 4 * i);
  });
  const labels = Buffer.alloc(8 + count);
  [2049, count].forEach((value, i) => {
    labels.writeUInt32BE(value, 4 * i);
  });
  for (let i = 0; i < count; i++) {
    labels[8 + i] = i % 10;
    for (let y = 0; y < size; y++) images[16 + (i * size + y) * size + 2 * (i % 10) + 4] = 255;
  }
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(path.join(folder, 'train-images-idx3-ubyte'), images);
  fs.writeFileSync(path.join(folder, 'train-labels-idx1-ubyte'), labels);
  return loadImages(folder, 'train');
}
