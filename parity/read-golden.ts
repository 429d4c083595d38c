/** PyTorch's numbers, which parity/reference/parity.py wrote to parity/golden. */
import fs from 'node:fs';
import path from 'node:path';
import zlib from 'node:zlib';
import type { AdamWOptions } from '../src/train/index';
import type { Fingerprint } from './fingerprint';

/** `rounding` is the difference between PyTorch's float32 and its own float64, in the measure of the comparison. */
export type Rounded<T> = T & { rounding: number };

/** The network of the training comparisons: the article's layers with fewer filters and a smaller input. */
export interface ReducedNetwork {
  inputSize: number;
  widths: number[];
}

interface Trained {
  /** The loss of each batch. */
  losses: number[];
  weights: Rounded<Fingerprint>;
}

interface Accumulated extends Trained {
  /** In the first step, all parameters in one list. */
  gradient: Rounded<Fingerprint>;
}

export interface Statistics {
  count: number;
  mean: number;
  deviation: number;
  min: number;
  max: number;
}

export interface Golden {
  /** PyTorch's version. */
  torch: string;
  network: {
    /** Indices of the test images. */
    digits: number[];
    /** SHA-256 of each parameter, by PyTorch's name. */
    weights: Record<string, string>;
    layers: Record<string, Rounded<Fingerprint>>;
    softmax: Rounded<{ values: number[] }>;
    loss: Rounded<{ value: number }>;
    gradients: Record<string, Rounded<Fingerprint>>;
  };
  explanations: {
    /** Index of the test image. */
    digit: number;
    /** The heat map of each layer. */
    gradCam: Record<string, Rounded<Fingerprint>>;
    occlusion: Rounded<{ values: number[] }>;
  };
  /** Logits, gradients and running averages, by the network's name. */
  others: Record<string, { digits: number[]; tensors: Record<string, Rounded<Fingerprint>> }>;
  /** Some weights during 100 steps of AdamW, by the step's number. */
  optimizer: {
    start: number[];
    cases: { options: AdamWOptions; checkpoints: Record<number, number[]> }[];
  };
  curve: Rounded<ReducedNetwork & { batchSize: number; losses: number[] }>;
  accumulation: ReducedNetwork & {
    steps: number;
    accumulationSteps: number;
    batchSize: number;
    right: Accumulated;
    large: Accumulated;
    article: Trained & { discarded: number };
  };
  initialisation: Record<string, Statistics & { fanIn: number }>;
  dropout: { rate: number; count: number; zeros: number; kept: number }[];
  /** The network's input for each gray value. */
  normalised: number[];
}

export function readGolden(): Golden {
  return JSON.parse(readUnzipped('parity.json.gz').toString());
}

/** The content of a gzipped file of parity/golden. */
export function readUnzipped(name: string): Buffer {
  return zlib.gunzipSync(fs.readFileSync(path.join(__dirname, 'golden', name)));
}
