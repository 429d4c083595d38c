/**
 * Damaged files by the thousand: each must be refused with an InputError or give a correct result, in good time
 * and without taking much memory.
 */
import fs from 'node:fs';
import path from 'node:path';
import { Jimp } from 'jimp';
import { loadDataset } from '../../src/data/index';
import { randomUniform } from '../../src/data/random';
import { messageOf } from '../../src/errors';
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

export interface FuzzRow {
  kind: string;
  files: number;
  refused: number;
  /** Read without complaint: what was damaged does not matter, or has no checksum. */
  accepted: number;
  slowestSeconds: number;
  /** The most resident memory that one file took beyond its size, in MiB. */
  largestMiB: number;
  failures: string[];
}

const MAX_SECONDS = 5;
/** Beyond twice the file: what the resident memory of a process moves by anyhow. */
const SLACK_BYTES = 64 * 2 ** 20;

interface Kind {
  kind: string;
  /** The file that is damaged, which must be whole now. */
  file: string;
  /** Reads it; returns what was read, to be compared, where an accepted file has to give the same. */
  read: () => unknown | Promise<unknown>;
  /** Whether an accepted file must give what the whole one gave: it has a checksum. */
  isVerified?: boolean;
}

const layers: LayerSpec[] = [
  { kind: 'conv', name: 'conv1', filters: 4, kernel: 5, stride: 4, padding: 2 },
  { kind: 'flatten', name: 'flatten' },
  { kind: 'dropout', name: 'dropout' },
  { kind: 'dense', name: 'fc', units: 0, relu: false },
];

/** Damages `count` files in all, the same ones for the same seed. `folder` is where; it must be empty. */
export async function fuzz(
  folder: string,
  count: number,
  seed: number,
  onProgress: (done: number) => void = () => {},
): Promise<FuzzRow[]> {
  const kinds = await prepare(folder);
  const rows: FuzzRow[] = [];
  let done = 0;
  for (const [index, kind] of kinds.entries()) {
    const files = Math.floor((count * (index + 1)) / kinds.length) - done;
    rows.push(await damage(kind, files, randomUniform(seed + index), () => onProgress(++done)));
  }
  return rows;
}

async function damage(
  { kind, file, read, isVerified }: Kind,
  files: number,
  random: () => number,
  onFile: () => void,
): Promise<FuzzRow> {
  const whole = fs.readFileSync(file);
  const want = JSON.stringify(await read());
  const row: FuzzRow = {
    kind,
    files,
    refused: 0,
    accepted: 0,
    slowestSeconds: 0,
    largestMiB: 0,
    failures: [],
  };
  for (let i = 0; i < files; i++) {
    const bytes = mutate(whole, random);
    fs.writeFileSync(file, bytes);
    const fail = (what: string) => row.failures.push(`${kind}, number ${i}: ${what}`);
    const before = process.memoryUsage.rss();
    const started = performance.now();
    try {
      const got = JSON.stringify(await read());
      row.accepted++;
      if (isVerified && got !== want) fail('accepted with other content');
    } catch (error) {
      if ((error as Error).name === 'InputError') row.refused++;
      else fail(`${(error as Error).name}: ${messageOf(error).slice(0, 200)}`);
    }
    const seconds = (performance.now() - started) / 1000;
    const grown = process.memoryUsage.rss() - before - bytes.length;
    row.slowestSeconds = Math.max(row.slowestSeconds, seconds);
    row.largestMiB = Math.max(row.largestMiB, grown / 2 ** 20);
    if (seconds > MAX_SECONDS) fail(`took ${seconds.toFixed(1)} s`);
    if (grown > bytes.length + SLACK_BYTES) fail(`took ${(grown / 2 ** 20).toFixed(0)} MiB`);
    onFile();
  }
  fs.writeFileSync(file, whole);
  return row;
}

/** Flipped bits, a truncation, a piece moved elsewhere, a wrong header, or bytes added. */
export function mutate(whole: Uint8Array, random: () => number): Buffer {
  const bytes = Buffer.from(whole);
  const at = (end: number) => Math.floor(random() * end);
  switch (at(6)) {
    case 0:
      for (let flips = 1 + at(8); flips > 0; flips--) bytes[at(bytes.length)] ^= 1 << at(8);
      return bytes;
    case 1:
      return bytes.subarray(0, at(bytes.length));
    case 2: {
      const [from, to] = [at(bytes.length), at(bytes.length)];
      bytes.copyWithin(to, from, from + at(256));
      return bytes;
    }
    case 3:
      for (let i = 0; i < Math.min(16, bytes.length); i++) if (at(2)) bytes[i] = at(256);
      return bytes;
    case 4:
      return Buffer.concat([bytes, Buffer.from(Array.from({ length: 1 + at(64) }, () => at(256)))]);
    default: {
      // Digits and letters made others: what a text like JSON does not notice.
      const position = at(bytes.length);
      for (let i = position; i < Math.min(position + 4, bytes.length); i++) bytes[i] = 48 + at(75);
      return bytes;
    }
  }
}

/** One small whole file of each kind in `folder`, and how it is read. */
async function prepare(folder: string): Promise<Kind[]> {
  const place = (...names: string[]) => path.join(folder, ...names);
  const set = writeSet(place('data'));
  const model = alexnet({ inputSize: 28, layers });
  const run = place('run');
  await trainRun(run, model, set, { epochs: 1, batchSize: 20 });
  await saveModel(model, place('model'));
  const unfinished = place('unfinished');
  let updates = 0;
  await trainRun(unfinished, model, set, {
    epochs: 1,
    batchSize: 20,
    onProgress: () => {
      if (++updates === 2) process.emit('SIGINT');
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
    read: () => loadDataset('train', place('data')).length,
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

/** 60 images of a vertical bar each, as IDX files; and read back. */
function writeSet(folder: string) {
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
  return loadDataset('train', folder);
}
