/** What is random differs from PyTorch, so its distribution is compared: initial weights and dropout. */
import { Dropout } from '../src/model/index';
import { tf } from '../src/tf/index';
import { largestDifference } from './fingerprint';
import { parametersOf, valuesOf } from './parameters';
import type { Golden, Statistics } from './read-golden';
import { type Row, row, type Section } from './sections';

/** Our default weights compared with PyTorch's default weights. */
export function initializationRows(model: tf.LayersModel, golden: Golden['initialisation']): Row[] {
  let outside = 0;
  const rows = parametersOf(model).map(({ name, variable, fanIn }) => {
    const theirs = golden[name];
    if (theirs.fanIn !== fanIn) throw new Error(`${name}: fan_in ${fanIn}, want ${theirs.fanIn}`);
    const values = variable.dataSync();
    const ours = statistics(values);
    const bound = Math.fround(1 / Math.sqrt(fanIn));
    for (const value of values) if (!(value >= -bound && value <= bound)) outside++;
    return row(
      `${name}: deviation ${ours.deviation.toPrecision(4)}, PyTorch's ${theirs.deviation.toPrecision(4)}`,
      Math.max(...standardErrors(ours, theirs, bound)),
      4.5,
    );
  });
  return [...rows, row('Values outside ±1/√fan_in', outside, 0)];
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
 * The differences of two samples' statistics in standard errors, if both are uniform in ±bound. The distance of
 * an extreme from the bound is exponential with mean 2 bound / (count + 1).
 */
function standardErrors(a: Statistics, b: Statistics, bound: number): number[] {
  const deviation = bound / Math.sqrt(3);
  const meanError = deviation * Math.sqrt(2 / a.count);
  const deviationError = deviation * Math.sqrt((2 * 0.2) / a.count);
  // At least the step between random float32 numbers, which have 24 bits.
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
  const rows = golden.dropout.flatMap(({ rate, count, zeros, kept }) => {
    const layer = new Dropout({ rate, seed: 1 });
    const values = valuesOf(() => layer.apply(tf.ones([count]), { training: true }) as tf.Tensor);
    const survivors = values.filter((value) => value !== 0);
    const ours = 1 - survivors.length / count;
    const error = Math.sqrt((rate * (1 - rate)) / count);
    return [
      row(
        `${rate}: share of zeros ${ours.toFixed(4)}, PyTorch's ${zeros.toFixed(4)}: from the rate, in standard errors`,
        Math.abs(ours - rate) / error,
        4,
      ),
      row(
        `${rate}: what is kept, from PyTorch's ${kept}`,
        largestDifference(survivors, new Float32Array(survivors.length).fill(kept)),
        1e-6,
      ),
    ];
  });
  return { title: 'Dropout', rows };
}
