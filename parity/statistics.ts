import { gatherPixels, loadDataset } from '../src/data/index';
import { normalise, resize } from '../src/image/index';
import { alexnet, Dropout } from '../src/model/index';
import { tf } from '../src/tf/index';
import { type Golden, largestDifference, readReference, type Statistics } from './golden';
import { parametersOf, valuesOf } from './parameters';
import type { Row, Section } from './sections';

/** From 28×28 bytes to the network's input. */
export function preprocessingSection(golden: Golden): Section {
  const want = readReference('resize.bin.gz'); // by parity/reference/resize.py
  const pixels = gatherPixels(loadDataset('test'), [0, 1, 2, 3]);
  const ours = [227, 64, 13].flatMap((size) => [...resize(pixels, 28, 28, size)]);
  const off = ours.filter((value, i) => value !== want[i]).length;
  const normalised = normalise(Uint8Array.from({ length: 256 }, (_, byte) => byte));
  return {
    title: 'Preprocessing',
    text: "Four test images to 227, 64 and 13 pixels, and Normalize((0.5,), (0.5,)), from PIL's and PyTorch's.",
    rows: [
      {
        what: `Resize: share of the grey values that differ, ${off} of ${ours.length}`,
        measured: off / ours.length,
        limit: 0,
      },
      {
        what: 'Resize: largest difference, in grey levels',
        measured: largestDifference(ours, want),
        limit: 0,
      },
      {
        what: 'Normalize, all 256 grey values',
        measured: largestDifference(normalised, golden.normalised),
        limit: 1e-6,
      },
    ],
  };
}

/** Our default weights beside PyTorch's default weights: not the same numbers, but of the same distribution. */
export function initialisationSection(golden: Golden): Section {
  const model = alexnet();
  let outside = 0;
  const rows = parametersOf(model).map(({ name, variable, fanIn }): Row => {
    const theirs = golden.initialisation[name];
    if (theirs.fanIn !== fanIn) throw new Error(`${name}: fan_in ${fanIn}, want ${theirs.fanIn}`);
    const values = variable.dataSync();
    const ours = statistics(values);
    const bound = Math.fround(1 / Math.sqrt(fanIn));
    for (const value of values) if (!(value >= -bound && value <= bound)) outside++;
    return {
      what: `${name}: deviation ${ours.deviation.toPrecision(4)}, PyTorch's ${theirs.deviation.toPrecision(4)}`,
      measured: Math.max(...standardErrors(ours, theirs, bound)),
      limit: 4.5,
    };
  });
  model.dispose();
  return {
    title: 'Initialisation',
    text:
      'Mean, standard deviation, minimum and maximum of each parameter, from those that PyTorch drew: the ' +
      'largest of the four distances, in standard errors of a uniform distribution in ±1/√fan_in.',
    rows: [...rows, { what: 'Values outside ±1/√fan_in', measured: outside, limit: 0 }],
  };
}

function statistics(values: ArrayLike<number>): Statistics {
  const count = values.length;
  let [sum, min, max] = [0, Infinity, -Infinity];
  for (let i = 0; i < count; i++) {
    sum += values[i];
    if (values[i] < min) min = values[i];
    if (values[i] > max) max = values[i];
  }
  const mean = sum / count;
  let squares = 0;
  for (let i = 0; i < count; i++) squares += (values[i] - mean) ** 2;
  return { count, mean, deviation: Math.sqrt(squares / count), min, max };
}

/**
 * How far two samples' statistics are apart, in standard errors of the difference, if both are uniform in
 * ±bound. The extremes' distances from the bound are exponential, with a mean of 2 bound / (count + 1).
 */
function standardErrors(a: Statistics, b: Statistics, bound: number): number[] {
  const deviation = bound / Math.sqrt(3);
  const meanError = deviation * Math.sqrt(2 / a.count);
  const deviationError = deviation * Math.sqrt((2 * 0.2) / a.count);
  // No finer than the 24 bits that a random float32 has.
  const extremeError = Math.max(((2 * bound) / (a.count + 1)) * Math.SQRT2, bound / 2 ** 22);
  return [
    Math.abs(a.mean - b.mean) / meanError,
    Math.abs(a.deviation - b.deviation) / deviationError,
    Math.abs(a.min - b.min) / extremeError,
    Math.abs(a.max - b.max) / extremeError,
  ];
}

/** Ones through dropout: how many become zero, and what the others become. */
export function dropoutSection(golden: Golden): Section {
  const rows = golden.dropout.flatMap(({ rate, count, zeros, kept }): Row[] => {
    const layer = new Dropout({ rate, seed: 1 });
    const values = valuesOf(() => layer.apply(tf.ones([count]), { training: true }) as tf.Tensor);
    const survivors = values.filter((value) => value !== 0);
    const ours = 1 - survivors.length / count;
    const error = Math.sqrt((rate * (1 - rate)) / count);
    return [
      {
        what: `${rate}: share of zeros ${ours.toFixed(4)}, PyTorch's ${zeros.toFixed(4)}: from the rate, in standard errors`,
        measured: Math.abs(ours - rate) / error,
        limit: 4,
      },
      {
        what: `${rate}: what is kept, from PyTorch's ${kept}`,
        measured: largestDifference(survivors, new Float32Array(survivors.length).fill(kept)),
        limit: 1e-6,
      },
    ];
  });
  return { title: 'Dropout', text: 'A million ones, by the rate.', rows };
}
