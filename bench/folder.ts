/**
 * npm run bench:folder: does a training wait for its pictures? Writes 400 JPEGs of 500×375 pixels, as ImageNet has them,
 * decodes them with 1, 2 and 4 threads, reads them from memory and from the file for large folders, and compares these
 * rates with those of training steps.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import sharp from 'sharp';
import { epochBatches, gatherPixels } from '../src/data/index';
import { loadImages } from '../src/datasets/index';
import { alexnet, NETWORKS, type NetworkName } from '../src/model/index';
import { fastestPrecision } from '../src/tf/index';
import { newTraining, trainStep } from '../src/train/index';
import { plainTable } from '../src/viz/index';

const PICTURES = 400;
const [folder] = process.argv.slice(2);

async function main(): Promise<void> {
  const temporary = fs.mkdtempSync(path.join(os.tmpdir(), 'pictures-'));
  for (let i = 0; i < PICTURES; i++) {
    const noise = { type: 'gaussian', mean: 128, sigma: 40 } as const;
    const create = { width: 500, height: 375, channels: 3, background: '#888', noise } as const;
    const target = path.join(temporary, `class-${i % 2}`, `${i}.jpg`);
    fs.mkdirSync(path.dirname(target), { recursive: true });
    await sharp({ create }).blur(1).jpeg({ quality: 90 }).toFile(target);
  }
  // The number of threads is fixed when a process starts.
  const rates = [1, 2, 4].map((threads) => {
    const env = { ...process.env, UV_THREADPOOL_SIZE: String(threads) };
    const run = [...process.execArgv, __filename, temporary];
    const { stdout } = spawnSync(process.execPath, run, { env, encoding: 'utf8' });
    return [`decode, ${threads} at a time`, Number(stdout).toFixed(0)];
  });
  process.env.XDG_CACHE_HOME = path.join(temporary, 'cache');
  const [images, large] = [
    await loadImages(temporary, 'train'),
    await loadImages(temporary, 'train', { memory: 0 }),
  ];
  const batches = ['memory', 'the file'].map((where, i) => {
    const started = performance.now();
    for (const indices of epochBatches(images.length, 64))
      gatherPixels([images, large][i], indices);
    const rate = images.length / ((performance.now() - started) / 1000);
    return [`make batches from ${where}`, rate.toFixed(0)];
  });
  fs.rmSync(temporary, { recursive: true });
  const names: NetworkName[] = ['resnet8', 'alexnet-small', 'alexnet-imagenet'];
  const steps = names.map((name) => {
    const { layers, inputSize } = NETWORKS[name];
    const model = alexnet({ layers, inputSize, channels: 3, classes: 2 });
    const training = newTraining(model, { precision: fastestPrecision() });
    const times = [0, 1, 2, 3].map(() => {
      const started = performance.now();
      trainStep(training, images, [[...Array(64).keys()]]);
      return (performance.now() - started) / 1000;
    });
    return [`train ${name}`, (64 / Math.min(...times)).toFixed(0)];
  });
  console.log(plainTable([['', 'pictures per second'], ...rates, ...batches, ...steps]));
}

/** In a process of its own: prints the pictures per second. */
async function decode(): Promise<void> {
  await loadImages(folder, 'test'); // warm-up
  const started = performance.now();
  const { length } = await loadImages(folder, 'train');
  console.log(length / ((performance.now() - started) / 1000));
}

if (folder) decode();
else main();
