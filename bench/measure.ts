/** The one way in which bench measures: contenders take turns at a task, and medians are compared. */
import { progressOf } from '../src/progress';
import type { Precision } from '../src/tf/index';
import { streamProgress } from '../src/viz/index';

export interface Answer {
  seconds: number;
  peakRssMiB?: number;
  value?: unknown;
}

/** Something that can be timed. */
export interface Contender {
  name: string;
  precision?: Precision;
  /** Does a task once. */
  ask(task: string): Promise<Answer>;
}

export interface Measured {
  name: string;
  precision?: Precision;
  medianSeconds: number;
  p10: number;
  p90: number;
  peakRssMiB?: number;
}

/**
 * Times a task in each contender, after `warmUp` rounds that do not count. The contenders take turns (A B C A B C …),
 * so that other work on the machine affects all of them.
 */
export async function measure(
  contenders: readonly Contender[],
  task: string,
  rounds: number,
  warmUp: number,
): Promise<Measured[]> {
  const answers: Answer[][] = contenders.map(() => []);
  const label = `Timing: ${task}`;
  const progress = progressOf(
    { label, total: warmUp + rounds, unit: 'round' },
    streamProgress(process.stderr),
  );
  for (let round = 1; round <= warmUp + rounds; round++) {
    for (const [i, contender] of contenders.entries()) {
      const answer = await contender.ask(task);
      if (round > warmUp) answers[i].push(answer);
    }
    progress(round);
  }
  return contenders.map(({ name, precision }, i) => {
    const seconds = answers[i].map((answer) => answer.seconds);
    return {
      name,
      precision,
      medianSeconds: median(seconds),
      p10: quantile(seconds, 0.1),
      p90: quantile(seconds, 0.9),
      peakRssMiB: answers[i].at(-1)!.peakRssMiB,
    };
  });
}

export function quantile(values: readonly number[], share: number): number {
  return [...values].sort((a, b) => a - b)[Math.floor(share * values.length)];
}

/** The middle value; of an even number, the higher of the two. */
export const median = (values: readonly number[]): number => quantile(values, 0.5);

/** Other work on the machine disturbed a measurement whose slow rounds took so much longer than its fast ones. */
const DISTURBED = 1.4;

/** A mark for a row of a table that compares these; empty if nothing disturbed them. */
export function disturbance(...compared: Measured[]): string {
  const spread = Math.max(...compared.map(({ p10, p90 }) => p90 / p10));
  return spread > DISTURBED ? `disturbed: slow rounds took ${spread.toFixed(1)} times as long` : '';
}
