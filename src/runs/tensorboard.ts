/**
 * Writes a run for TensorBoard: `tensorboard --logdir runs` shows the curves of training and validation in one plot,
 * the learning rate, and a histogram of every weight for each epoch.
 *
 * There is one file per epoch and curve. A resumed run writes the file of its current epoch again, so no step is
 * there twice. tfjs-node's own writer cannot do that, and needs gigabytes for the histogram of a dense layer.
 *
 * Format: github.com/tensorflow/tensorboard, `compat/proto/event.proto` and `summary.proto`, in TFRecord files.
 */
import fs from 'node:fs';
import path from 'node:path';
import { makeFolder } from '../files';
import { namedWeights } from '../model/index';
import type { tf } from '../tf/index';
import type { EpochRecord, StepRecord, Training } from '../train/index';

const BINS = 30;

export class TensorBoardLog {
  private epoch = 0;

  /** Deletes what a killed run wrote after the checkpoint that `training` continues from. */
  constructor(
    private readonly folder: string,
    training: Training,
  ) {
    for (const curve of ['train', 'validation']) {
      const place = path.join(folder, curve);
      makeFolder(place);
      const later = fs.readdirSync(place).filter((name) => name >= fileName(training.epoch));
      for (const name of later) fs.rmSync(path.join(place, name));
    }
  }

  addStep({ epoch, history }: Training): void {
    const isNew = epoch !== this.epoch;
    this.epoch = epoch;
    const done = history.epochs.at(-1)?.steps ?? 0;
    const steps = isNew ? history.steps.slice(done) : history.steps.slice(-1);
    this.append('train', ...steps.map(stepEvent));
  }

  addEpoch({ epoch, steps, valLoss, valAccuracy }: EpochRecord, model: tf.LayersModel): void {
    this.epoch = epoch;
    const weights = namedWeights(model).map(({ name, variable }) =>
      histogram(name, variable.dataSync() as Float32Array),
    );
    this.append('train', event(steps, weights));
    if (valLoss === null || valAccuracy === null) return;
    const values = [scalar('loss', valLoss), scalar('accuracy', valAccuracy)];
    this.append('validation', event(steps, values));
  }

  private append(curve: 'train' | 'validation', ...events: Buffer[]): void {
    const file = path.join(this.folder, curve, fileName(this.epoch));
    const all = fs.existsSync(file) ? events : [version(), ...events];
    fs.appendFileSync(file, Buffer.concat(all.map(record)));
  }
}

/** TensorBoard reads the files of a folder in the order of their names. */
const fileName = (epoch: number) => `events.out.tfevents.epoch-${String(epoch).padStart(6, '0')}`;

function stepEvent({ step, loss, accuracy, learningRate }: StepRecord): Buffer {
  const values = [
    scalar('loss', loss),
    scalar('accuracy', accuracy),
    scalar('learning rate', learningRate),
  ];
  return event(step, values);
}

/** A message `Event`. Numbers are those of the fields in the .proto files. */
function event(step: number, values: Buffer[]): Buffer {
  const summary = Buffer.concat(values.map((value) => bytes(1, value)));
  return Buffer.concat([double(1, Date.now() / 1000), varintField(2, step), bytes(5, summary)]);
}

const version = () =>
  Buffer.concat([double(1, Date.now() / 1000), bytes(3, Buffer.from('brain.Event:2'))]);

/** A message `Summary.Value` with one number. */
function scalar(tag: string, value: number): Buffer {
  const float = Buffer.alloc(4);
  float.writeFloatLE(value);
  return Buffer.concat([bytes(1, Buffer.from(tag)), key(2, 5), float]);
}

/** A message `Summary.Value` with a `HistogramProto`: bins of equal width between the least and the greatest value. */
function histogram(tag: string, values: Float32Array): Buffer {
  let [min, max, sum, squares] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 0];
  for (const value of values) {
    if (value < min) min = value;
    if (value > max) max = value;
    sum += value;
    squares += value * value;
  }
  const width = (max - min) / BINS || 1;
  const counts = new Float64Array(BINS);
  for (const value of values) counts[Math.min(BINS - 1, Math.floor((value - min) / width))]++;
  const limits = Float64Array.from(counts, (_, i) => min + width * (i + 1));
  const packed = (list: Float64Array) => Buffer.from(list.buffer);
  const fields = [min, max, values.length, sum, squares].map((value, i) => double(i + 1, value));
  const proto = Buffer.concat([...fields, bytes(6, packed(limits)), bytes(7, packed(counts))]);
  return Buffer.concat([bytes(1, Buffer.from(tag)), bytes(5, proto)]);
}

function varint(value: number): Buffer {
  const out = [];
  for (; value > 127; value = Math.floor(value / 128)) out.push((value % 128) | 128);
  return Buffer.from([...out, value]);
}

const key = (field: number, wireType: number) => varint(field * 8 + wireType);
const varintField = (field: number, value: number) => Buffer.concat([key(field, 0), varint(value)]);
const bytes = (field: number, content: Buffer) =>
  Buffer.concat([key(field, 2), varint(content.length), content]);

function double(field: number, value: number): Buffer {
  const buffer = Buffer.alloc(8);
  buffer.writeDoubleLE(value);
  return Buffer.concat([key(field, 1), buffer]);
}

/** A TFRecord: length, its checksum, content, its checksum. */
function record(content: Buffer): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(content.length));
  return Buffer.concat([length, maskedCrc(length), content, maskedCrc(content)]);
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let crc = n;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});

/** CRC-32C, rotated and shifted as TFRecord wants it. */
function maskedCrc(content: Buffer): Buffer {
  let crc = 0xffffffff;
  for (const byte of content) crc = (crc >>> 8) ^ CRC_TABLE[(crc ^ byte) & 255];
  crc = ~crc >>> 0;
  const out = Buffer.alloc(4);
  out.writeUInt32LE((((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0);
  return out;
}
