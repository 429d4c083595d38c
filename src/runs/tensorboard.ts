/**
 * Writes a run for TensorBoard: `tensorboard --logdir runs` shows the curves of training and validation in one plot,
 * the learning rate, and a histogram of every weight for each epoch.
 *
 * There is one file per epoch and curve. A resumed run writes the file of its current epoch again, so no step is
 * there twice. tfjs-node's own writer cannot do that, and needs gigabytes for the histogram of a dense layer.
 *
 * Format: github.com/tensorflow/tensorboard, `compat/proto/event.proto`, `summary.proto` and `histogram.proto`, in
 * TFRecord files.
 */
import fs from 'node:fs';
import path from 'node:path';
import type { parse, Type } from 'protobufjs';
import { makeFolder } from '../files';
import { namedWeights } from '../model/index';
import type { tf } from '../tf/index';
import type { EpochRecord, StepRecord, Training } from '../train/index';

/** The fields that we set. */
const SCHEMA = `
syntax = "proto3";

message Event {
  double wall_time = 1;
  int64 step = 2;
  string file_version = 3;
  Summary summary = 5;
}
message Summary { repeated Value value = 1; }
message Value {
  string tag = 1;
  float simple_value = 2;
  HistogramProto histo = 5;
}
message HistogramProto {
  double min = 1;
  double max = 2;
  double num = 3;
  double sum = 4;
  double sum_squares = 5;
  repeated double bucket_limit = 6;
  repeated double bucket = 7;
}
`;
let eventType: Type | undefined;

function encodeEvent(event: object): Uint8Array {
  if (!eventType) {
    const library = require('protobufjs') as { parse: typeof parse }; // not before: loading it takes 0.05 s
    eventType = library.parse(SCHEMA, { keepCase: true }).root.lookupType('Event');
  }
  return eventType.encode({ wall_time: Date.now() / 1000, ...event }).finish();
}

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
    this.append('train', { step: steps, summary: { value: weights } });
    if (valLoss === null || valAccuracy === null) return;
    const value = scalars({ loss: valLoss, accuracy: valAccuracy });
    this.append('validation', { step: steps, summary: { value } });
  }

  private append(curve: 'train' | 'validation', ...events: object[]): void {
    const file = path.join(this.folder, curve, fileName(this.epoch));
    const all = fs.existsSync(file) ? events : [{ file_version: 'brain.Event:2' }, ...events];
    fs.appendFileSync(file, Buffer.concat(all.map((event) => record(encodeEvent(event)))));
  }
}

/** TensorBoard reads the files of a folder in the order of their names. */
const fileName = (epoch: number) => `events.out.tfevents.epoch-${String(epoch).padStart(6, '0')}`;

function stepEvent({ step, loss, accuracy, learningRate }: StepRecord): object {
  return { step, summary: { value: scalars({ loss, accuracy, 'learning rate': learningRate }) } };
}

/** Messages `Value` with one number each. */
function scalars(values: Record<string, number>): object[] {
  return Object.entries(values).map(([tag, simple_value]) => ({ tag, simple_value }));
}

/** A message `Value` with a histogram: bins of equal width between the least and the greatest value. */
function histogram(tag: string, values: Float32Array): object {
  let [min, max, sum, sum_squares] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 0];
  for (const value of values) {
    if (value < min) min = value;
    if (value > max) max = value;
    sum += value;
    sum_squares += value * value;
  }
  const width = (max - min) / BINS || 1;
  const bucket = new Array<number>(BINS).fill(0);
  for (const value of values) bucket[Math.min(BINS - 1, Math.floor((value - min) / width))]++;
  const bucket_limit = bucket.map((_, i) => min + width * (i + 1));
  const histo = { min, max, num: values.length, sum, sum_squares, bucket_limit, bucket };
  return { tag, histo };
}

/** A TFRecord: length, its checksum, content, its checksum. */
function record(content: Uint8Array): Buffer {
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
function maskedCrc(content: Uint8Array): Buffer {
  let crc = 0xffffffff;
  for (const byte of content) crc = (crc >>> 8) ^ CRC_TABLE[(crc ^ byte) & 255];
  crc = ~crc >>> 0;
  const out = Buffer.alloc(4);
  out.writeUInt32LE((((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0);
  return out;
}
