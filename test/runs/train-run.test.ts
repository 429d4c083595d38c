import fs from 'node:fs';
import path from 'node:path';
import { slice } from '../../src/data/index';
import { alexnet, type BatchNorm, type LayerSpec, NETWORKS } from '../../src/model/index';
import {
  checkMemory,
  checkWeightsFit,
  compareRuns,
  interruption,
  type RunOptions,
  readCheckpoint,
  readRun,
  readUnfinished,
  summaryOf,
  trainingMemory,
  trainRun,
  trainState,
  weightsSha256,
} from '../../src/runs/index';
import { loadModel } from '../../src/storage/index';
import { backend, type Precision, tf } from '../../src/tf/index';
import type { History } from '../../src/train/index';
import { python } from '../support/command';
import { temporaryFolder } from '../support/idx';
import { barSet } from '../support/sets';
import { expectNoLeak } from '../support/tensors';

const temporary = temporaryFolder();
let made = 0;
const newFolder = () => path.join(temporary, `run-${made++}`);
const set = barSet(60);
const validation = slice(barSet(30, 10, 2), 0, 20);
const layers: LayerSpec[] = [
  { kind: 'conv', name: 'conv1', filters: 8, kernel: 5, stride: 2, padding: 2 },
  { kind: 'maxPool', name: 'pool1', kernel: 3, stride: 2 },
  { kind: 'flatten', name: 'flatten' },
  { kind: 'dropout', name: 'dropout' },
  { kind: 'dense', name: 'fc', units: 0, relu: false },
];
const build = () => alexnet({ inputSize: 28, layers, initialisation: 'he' });
const base: RunOptions = {
  epochs: 3,
  batchSize: 10,
  accumulationSteps: 2, // 3 steps per epoch
  learningRate: 5e-3,
  schedule: 'cosine',
  validation,
};

class Killed extends Error {}

/** Trains a new model in `folder`, and is killed after `steps` steps. Then it returns undefined. */
async function session(
  folder: string,
  options: RunOptions,
  steps = Number.POSITIVE_INFINITY,
  model = build(),
) {
  let left = steps;
  const onProgress: RunOptions['onProgress'] = ({ label }) => {
    if (label.startsWith('Epoch') && left-- === 0) throw new Killed();
  };
  try {
    const history = await trainRun(folder, model, set, { ...options, onProgress });
    return { history, hash: weightsSha256(model) };
  } catch (error) {
    if (!(error instanceof Killed)) throw error;
    return undefined;
  } finally {
    model.dispose();
  }
}

/** A history without its times. */
const timeless = ({ epochs, steps }: Pick<History, 'epochs' | 'steps'>) => ({
  epochs: epochs.map(({ seconds, imagesPerSecond, ...rest }) => rest),
  steps,
});

test('a residual network resumes exactly too, with the averages and counters of batch normalisation', async () => {
  const options = { ...base, precision: 'bfloat16', epochs: 1, checkpointSteps: 1 } as const;
  const residual = () => alexnet(NETWORKS.resnet8);
  const whole = (await session(newFolder(), options, undefined, residual()))!;
  const folder = newFolder();
  await session(folder, options, 2, residual());
  expect((await session(folder, options, undefined, residual()))!.hash).toBe(whole.hash);
  const loaded = await loadModel(folder);
  expect((loaded.getLayer('bn1') as BatchNorm).calls).toBe(6);
  loaded.dispose();
});

describe.each<Precision>(['float32', 'bfloat16', 'float16'])('%s', (precision) => {
  test('a run that is killed and resumed several times ends with the same weights, bit for bit', async () => {
    const options = { ...base, precision, augment: precision === 'float32' };
    const whole = (await session(newFolder(), options))!;
    for (const checkpointSteps of [1, 2]) {
      await expectNoLeak(async () => {
        const folder = newFolder();
        const lines: string[] = [];
        const say = (line: string) => lines.push(line);
        let ended: Awaited<ReturnType<typeof session>>;
        // Each session is killed after two or three steps.
        for (let tries = 0; !ended && tries < 20; tries++) {
          ended = await session(folder, { ...options, checkpointSteps, say }, 2 + (tries % 2));
        }
        expect(lines.length).toBeGreaterThan(2);
        expect(lines[0]).toMatch(/Continuing .* after step \d, in epoch 1/);
        expect(ended!.hash).toBe(whole.hash);
        expect(timeless(ended!.history)).toEqual(timeless(whole.history));
        const { history, steps } = readRun(folder);
        expect(timeless({ epochs: history, steps })).toEqual(timeless(whole.history));
        expect(fs.existsSync(path.join(folder, 'checkpoints'))).toBe(false);
      });
    }
  });
});

test('an interrupt writes a checkpoint, during validation too', async () => {
  const whole = (await session(newFolder(), base))!;
  for (const place of ['Epoch 2/3', 'Validating']) {
    const folder = newFolder();
    const model = build();
    let heard = 0;
    const history = await trainRun(folder, model, set, {
      ...base,
      onProgress: ({ label }) => {
        if (label === place && heard++ === 0) process.emit('SIGINT');
      },
    });
    expect(history.interrupted).toBe(true);
    expect(readRun(folder).config.interrupted).toBe(true);
    const resumed = (await session(folder, { ...base, resume: 'yes' }))!;
    expect(resumed.hash).toBe(whole.hash);
    expect(timeless(resumed.history)).toEqual(timeless(whole.history));
    expect(readRun(folder).config.interrupted).toBe(false);
  }
});

test('a finished run is kept until the next one in its folder has finished', async () => {
  const folder = newFolder();
  await session(folder, base);
  const test = path.join(folder, 'test.json');
  fs.writeFileSync(test, '{"images": 20, "accuracy": 0.9}');
  const contents = () =>
    ['model/weights.bin', 'history.json', 'config.json', 'test.json'].map((name) =>
      fs.readFileSync(path.join(folder, name), 'latin1'),
    );
  const before = contents();
  expect(interruption(folder)).toBeUndefined();
  const again = { ...base, learningRate: 1e-3 };
  const whole = (await session(newFolder(), again))!;

  const lines: string[] = [];
  const model = build();
  const stopped = await trainRun(folder, model, set, {
    ...again,
    say: (line) => lines.push(line),
    onStep: ({ history }) => {
      if (history.steps.length === 5) process.emit('SIGINT');
    },
  });
  expect(stopped.interrupted).toBe(true);
  expect(lines).toEqual([
    `Stopped after step 5 of 9. Progress is saved: run this again to continue. The finished run in ${folder} is kept until then.`,
  ]);
  expect(contents()).toEqual(before);
  expect(readRun(folder).config).toMatchObject({ interrupted: false, learningRate: 5e-3 });
  expect(readUnfinished(folder)?.learningRate).toBe(1e-3);

  const resumed = (await session(folder, again))!;
  expect(resumed.hash).toBe(whole.hash);
  expect(readRun(folder).config).toMatchObject({ interrupted: false, learningRate: 1e-3 });
  expect(fs.readdirSync(folder).sort()).toEqual([
    ...['config.json', 'history.json', 'model', 'steps.json'],
  ]);
});

test('a run that was stopped, or killed between two epochs, is called interrupted', async () => {
  const folder = newFolder();
  await session(folder, base, 4);
  expect(readRun(folder).config.interrupted).toBe(true);
  expect(interruption(folder)).toMatch(/was interrupted, .* --resume --run/);
  await session(folder, base);
  expect(interruption(folder)).toBeUndefined();
});

describe('keep best and patience', () => {
  // Rate 0.02 is too high: the validation loss rises again.
  const options: RunOptions = {
    ...base,
    ...{ epochs: 12, learningRate: 0.02, schedule: 'constant', keep: 'best', patience: 2 },
  };

  test('training stops early; best/ has the weights of the best epoch; a resumed run does the same', async () => {
    const folder = newFolder();
    const lines: string[] = [];
    const whole = (await session(folder, { ...options, say: (line) => lines.push(line) }))!;
    const losses = whole.history.epochs.map(({ valLoss }) => valLoss!);
    const best = losses.indexOf(Math.min(...losses)) + 1;
    expect(losses.length).toBe(best + 2);
    expect(losses.length).toBeLessThan(12);
    expect(lines).toEqual(['Stopped early: 2 epochs without a lower validation loss']);
    expect(readRun(folder).config.interrupted).toBe(false);
    const shorter = (await session(newFolder(), { ...options, epochs: best, patience: null }))!;
    const kept = await loadModel(path.join(folder, 'best'));
    expect(weightsSha256(kept)).toBe(shorter.hash);
    kept.dispose();

    const resumed = newFolder();
    let ended: Awaited<ReturnType<typeof session>>;
    for (let tries = 0; !ended && tries < 40; tries++) {
      ended = await session(resumed, { ...options, checkpointSteps: 2 }, 4);
    }
    expect(ended!.hash).toBe(whole.hash);
    expect(timeless(ended!.history)).toEqual(timeless(whole.history));
    const weights = (run: string) => fs.readFileSync(path.join(run, 'best/weights.bin'));
    expect(weights(resumed).equals(weights(folder))).toBe(true);

    // The next run in the folder does not keep the best: it leaves none of another run's.
    await session(folder, { ...base, epochs: 1 });
    expect(fs.existsSync(path.join(folder, 'best'))).toBe(false);
  });

  test('both need images for validation', async () => {
    for (const asked of [{ keep: 'best' }, { patience: 1 }] as const) {
      const folder = newFolder();
      await expect(session(folder, { ...base, ...asked, validation: undefined })).rejects.toThrow(
        'compare the validation loss: keep images for it',
      );
      expect(fs.existsSync(folder)).toBe(false);
    }
  });
});

test("TensorBoard's own reader finds every step of a killed and resumed run once", async () => {
  const folder = newFolder();
  const options = { ...base, tensorboard: true };
  for (let tries = 0; tries < 3; tries++) {
    await session(folder, { ...options, checkpointSteps: 2 }, 2 + tries);
  }
  const { history } = (await session(folder, options))!;
  const reader = path.join(__dirname, '../support/read_tensorboard.py');
  const { stdout, stderr, code } = await python(reader, path.join(folder, 'tensorboard'));
  expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
  const float = (value: number | null) => Math.fround(value!);
  const { train, validation: measured } = JSON.parse(stdout);
  expect(train.scalars).toEqual({
    loss: history.steps.map(({ step, loss }) => [step, float(loss)]),
    accuracy: history.steps.map(({ step, accuracy }) => [step, float(accuracy)]),
    'learning rate': history.steps.map(({ step, learningRate }) => [step, float(learningRate)]),
  });
  expect(measured.scalars).toEqual({
    loss: history.epochs.map(({ steps, valLoss }) => [steps, float(valLoss)]),
    accuracy: history.epochs.map(({ steps, valAccuracy }) => [steps, float(valAccuracy)]),
  });
  expect(Object.keys(train.histograms)).toEqual([
    ...['conv1/kernel', 'conv1/bias', 'fc/kernel', 'fc/bias'],
  ]);
  const model = await loadModel(path.join(folder, 'model'));
  const kernel = model.getLayer('conv1').getWeights()[0];
  const values = [...kernel.dataSync()];
  const last = train.histograms['conv1/kernel'].at(-1);
  expect(last.step).toBe(9);
  expect(last.num).toBe(200);
  expect([last.min, last.max]).toEqual([Math.min(...values), Math.max(...values)]);
  expect(last.sum).toBeCloseTo(values.reduce((sum, value) => sum + value, 0));
  expect(last.sum_squares).toBeCloseTo(values.reduce((sum, value) => sum + value ** 2, 0));
  const counts: number[] = last.bucket;
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(200);
  last.bucket_limit.forEach((limit: number, i: number) => {
    const upTo = counts.slice(0, i + 1).reduce((sum, count) => sum + count, 0);
    expect(Math.abs(values.filter((value) => value <= limit).length - upTo)).toBeLessThan(2);
  });
  model.dispose();
}, 60_000);

test('compareRuns shows the settings in which runs differ, and their results', async () => {
  const [first, second] = [newFolder(), newFolder()];
  await session(first, base);
  await session(second, { ...base, epochs: 1, learningRate: 1e-3 });
  fs.writeFileSync(path.join(second, 'test.json'), '{"images": 100, "accuracy": 0.9}');
  const runs = [first, second].map(readRun);
  const rows = compareRuns(runs);
  expect(rows.slice(0, 4)).toEqual([
    ['epochs', '3', '1'],
    ['learningRate', '0.005', '0.001'],
    ['Epochs', '3', '1'],
    ['Steps', '9', '3'],
  ]);
  expect(rows.at(-2)).toEqual(['Test accuracy', '–', '90.00%']);
  expect(rows.at(-1)).toEqual(['95% confidence', '–', '82.56% to 94.48%']); // Wilson: (0.9 + z²/200 ± …) / (1 + z²/100)
  expect(summaryOf(runs[0])).toMatchObject({ epochs: 3, interrupted: false, testAccuracy: null });
});

test('changed settings are refused by name, unless they are listed in `changes`', async () => {
  const folder = newFolder();
  await session(folder, { ...base, checkpointSteps: 1 }, 2);
  const before = fs.readdirSync(path.join(folder, 'checkpoints'));
  await expect(session(folder, { ...base, learningRate: 1e-3, epochs: 4 })).rejects.toThrow(
    'was started with other settings: epochs 3 → 4, learningRate 0.005 → 0.001. To change them on purpose, pass --change epochs learningRate',
  );
  await expect(session(folder, { ...base, batchSize: 5, changes: ['epochs'] })).rejects.toThrow(
    'batchSize 10 → 5. batchSize cannot change within a run',
  );
  expect(fs.readdirSync(path.join(folder, 'checkpoints'))).toEqual(before);
  const changed = await session(folder, { ...base, epochs: 4, changes: ['epochs'] });
  expect(changed!.history.epochs.length).toBe(4);
});

test('other images or another network are refused, and the model is not changed', async () => {
  const folder = newFolder();
  await session(folder, { ...base, checkpointSteps: 1 }, 2);
  const model = build();
  const hash = weightsSha256(model);
  await expect(trainRun(folder, model, barSet(60, 10, 3), base)).rejects.toThrow(
    'trained on other images, labels',
  );
  expect(weightsSha256(model)).toBe(hash);
  const other = alexnet({ inputSize: 28, layers: layers.filter(({ kind }) => kind !== 'maxPool') });
  await expect(trainRun(folder, other, set, base)).rejects.toThrow(
    'belongs to another network: they differ in fc/kernel',
  );
});

test('resume: yes needs an unfinished run, no needs a folder without a run', async () => {
  const folder = newFolder();
  await expect(session(folder, { ...base, resume: 'yes' })).rejects.toThrow('nothing to continue');
  await session(folder, { ...base, checkpointSteps: 1 }, 1);
  await expect(session(folder, { ...base, resume: 'no' })).rejects.toThrow(
    'holds an unfinished run. Continue it with --resume',
  );
  await session(folder, base);
  await expect(session(folder, { ...base, resume: 'no' })).rejects.toThrow('holds a run already');
  await expect(session(folder, { ...base, resume: 'yes' })).rejects.toThrow('nothing to continue');
  const again = (await session(folder, { ...base, epochs: 1 }))!; // replaces the old one
  expect(again.history.epochs.length).toBe(1);
  expect(readRun(folder).history.length).toBe(1);
});

test('a run killed before its first checkpoint starts over', async () => {
  const folder = newFolder();
  await session(folder, base, 1);
  const lines: string[] = [];
  const resumed = await session(folder, { ...base, say: (line) => lines.push(line) });
  expect(lines[0]).toMatch('has no checkpoint yet: starting over');
  expect(resumed!.hash).toBe((await session(newFolder(), base))!.hash);
});

test('a second training run in the same folder is refused', async () => {
  const folder = newFolder();
  const first = trainRun(folder, build(), set, base);
  await expect(trainRun(folder, build(), set, base)).rejects.toThrow(
    'this process is training there now',
  );
  await first;
  // A lock whose process has died is ignored.
  fs.writeFileSync(path.join(folder, '.lock'), `${process.pid} 12`);
  await session(folder, { ...base, epochs: 1 });
  expect(fs.existsSync(path.join(folder, '.lock'))).toBe(false);
});

describe('a checkpoint', () => {
  /** A folder with two checkpoints, as after a crash between writing one and deleting the other. */
  async function twoCheckpoints(): Promise<{ folder: string; newest: string }> {
    const folder = newFolder();
    const checkpoints = path.join(folder, 'checkpoints');
    await session(folder, { ...base, checkpointSteps: 1 }, 2);
    const kept = fs.readdirSync(checkpoints).filter((name) => name.startsWith('step-'));
    const copies = kept.map(
      (name) => [name, fs.readFileSync(path.join(checkpoints, name))] as const,
    );
    await session(folder, { ...base, checkpointSteps: 1 }, 2);
    const newest = fs.readdirSync(checkpoints).find((name) => name.endsWith('.ckpt'))!;
    for (const [name, bytes] of copies) fs.writeFileSync(path.join(checkpoints, name), bytes);
    return { folder, newest: path.join(checkpoints, newest) };
  }

  test.each<[string, (file: string) => void, RegExp]>([
    ['a flipped bit', (file) => flip(file, 5000), /damaged: does not match its checksum/],
    ['a flipped bit in its checksum', (file) => flip(`${file}.sha256`, 3), /damaged/],
    ['its end cut off', (file) => fs.truncateSync(file, 4000), /damaged/],
    [
      'its checksum not written yet',
      (file) => fs.rmSync(`${file}.sha256`),
      /writing it was cut off/,
    ],
  ])('with %s is reported, and the previous one is used', async (_, damage, message) => {
    const { folder, newest } = await twoCheckpoints();
    damage(newest);
    const lines: string[] = [];
    const resumed = await session(folder, { ...base, say: (line) => lines.push(line) });
    expect(lines[0]).toMatch(message);
    expect(lines[1]).toMatch(/Continuing .* after step 2/);
    expect(resumed!.hash).toBe((await session(newFolder(), base))!.hash);
  });

  test('that cannot be written leaves the previous one intact, and the error says so', async () => {
    const folder = newFolder();
    await session(folder, { ...base, checkpointSteps: 1 }, 2);
    const before = readCheckpoint(path.join(folder, 'checkpoints'), trainState);
    const write = fs.writeSync.bind(fs) as (...args: unknown[]) => number;
    const full = jest.spyOn(fs, 'writeSync').mockImplementation((...args: unknown[]) => {
      if ((args[1] as Uint8Array).length > 1000) {
        throw Object.assign(new Error('ENOSPC: no space left on device, write'), {
          code: 'ENOSPC',
        });
      }
      return write(...args);
    });
    const failing = session(folder, { ...base, checkpointSteps: 1 }).finally(() => {
      full.mockRestore();
    });
    await expect(failing).rejects.toThrow(
      /step-00000003.ckpt: cannot be written: ENOSPC: no space left on device, write; step-00000002.ckpt is intact/,
    );
    const after = readCheckpoint(path.join(folder, 'checkpoints'), trainState);
    expect(after!.state).toEqual(before!.state);
    expect(fs.readdirSync(path.join(folder, 'checkpoints')).sort()).toEqual([
      'run.json',
      'step-00000002.ckpt',
      'step-00000002.ckpt.sha256',
    ]);
    const resumed = await session(folder, base);
    expect(resumed!.hash).toBe((await session(newFolder(), base))!.hash);
  });
});

test('a loss that is not finite ends the run; the error names the step, the rate and the last good checkpoint', async () => {
  const folder = newFolder();
  const model = build();
  const options = {
    ...base,
    learningRate: 1e30,
    schedule: 'constant',
    checkpointSteps: 1,
  } as const;
  await expectNoLeak(async () => {
    await expect(trainRun(folder, model, set, options)).rejects.toThrow(
      /the loss is (NaN|Infinity) in step \d+ \(epoch \d, learning rate 1e\+30\).*; the last good checkpoint is .*step-0000000\d\.ckpt/,
    );
  });
});

test('insufficient memory is reported before training, with a batch size that fits', () => {
  const model = build();
  const available = trainingMemory(model, 40);
  expect(() => checkMemory(model, 41, available)).toThrow(
    /batch size 41 needs about .* GiB of memory, and .* are free: batch size 20 would fit \(with 2 accumulation/,
  );
  expect(() => checkMemory(model, 40, available)).not.toThrow();
  expect(() => checkMemory(model, 1, 1000)).toThrow('not even a single image would fit');
  const { tuning } = backend();
  tuning.device = { kind: 'GPU', name: 'GPU', freeBytes: available };
  expect(() => checkMemory(model, 40)).not.toThrow();
  expect(() => checkMemory(model, 41)).toThrow(/GiB of memory on the GPU, and .* are free/);
  tuning.device = undefined;
});

test('a network with too many weights is refused before it is built', () => {
  expect(() => checkWeightsFit(3_921_031_882, 20e9)).toThrow(
    '3,921,031,882 parameters need about 88.2 GiB of memory in training, and 18.6 are free: use a smaller input size',
  );
  expect(() => checkWeightsFit(57_000_000, 20e9)).not.toThrow();
});

test('a batch size larger than the set needs the memory of the set, and a loss like guessing is told', async () => {
  const model = build();
  const said: string[] = [];
  const options = { ...base, batchSize: 1e9, accumulationSteps: 1, epochs: 1 };
  await trainRun(newFolder(), model, set, { ...options, say: (line) => said.push(line) });
  expect(said).toEqual([]); // one step says nothing about the loss
  const small = { ...options, batchSize: 4, learningRate: 1e-9 };
  await trainRun(newFolder(), model, set, { ...small, say: (line) => said.push(line) });
  expect(said).toEqual([expect.stringMatching(/^warning: at the end of epoch 1, the loss is /)]);
  model.dispose();
});

test('a frozen run that cannot start leaves the model trainable', async () => {
  const model = build();
  const folder = newFolder();
  fs.mkdirSync(folder);
  fs.writeFileSync(path.join(folder, 'config.json'), '{}'); // of a run
  const before = tf.memory().numTensors;
  await expect(
    trainRun(folder, model, set, { ...base, freeze: 'features', resume: 'no' }),
  ).rejects.toThrow('holds a run already');
  expect(model.layers.every(({ trainable }) => trainable)).toBe(true);
  expect(tf.memory().numTensors).toBe(before);
  model.dispose();
});

test('what a killed process left while it wrote is deleted, and nothing else', async () => {
  const folder = newFolder();
  await session(folder, { ...base, checkpointSteps: 1 }, 2);
  for (const name of ['model.12.tmp', 'model.12.tmp.old', 'notes.tmp']) {
    fs.mkdirSync(path.join(folder, name));
  }
  await session(folder, { ...base, checkpointSteps: 1, resume: 'yes' });
  const names = fs.readdirSync(folder).filter((name) => name.includes('.tmp'));
  expect(names).toEqual(['notes.tmp']);
});

function flip(file: string, position: number): void {
  const bytes = fs.readFileSync(file);
  bytes[position] ^= 1;
  fs.writeFileSync(file, bytes);
}
