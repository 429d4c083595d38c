import type { ProgressListener } from '../src/progress';
import type { Answer, Contender, Task } from './contender';

/** The middle value; of an even number, the higher of the two. */
export const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

export interface Measured {
  name: string;
  medianSeconds: number;
  p10: number;
  p90: number;
  peakRssMiB: number;
}

/**
 * Times a task in each contender, after `warmUp` rounds that do not count. The contenders take turns (A B C A B C …),
 * so that other work on the machine affects all of them. Returns the results by name.
 */
export async function measure(
  contenders: Contender[],
  task: Task,
  rounds: number,
  warmUp: number,
  onProgress?: ProgressListener,
): Promise<Map<string, Measured>> {
  const answers = new Map<string, Answer[]>(contenders.map(({ name }) => [name, []]));
  const started = performance.now();
  for (let round = 0; round < warmUp + rounds; round++) {
    for (const contender of contenders) {
      const answer = await contender.ask(task);
      if (round >= warmUp) answers.get(contender.name)!.push(answer);
    }
    onProgress?.({
      label: `Timing: ${task}`,
      done: round + 1,
      total: warmUp + rounds,
      unit: 'round',
      seconds: (performance.now() - started) / 1000,
    });
  }
  return new Map([...answers].map(([name, list]) => [name, summary(name, list)]));
}

function summary(name: string, answers: Answer[]): Measured {
  const seconds = answers.map((answer) => answer.seconds).sort((a, b) => a - b);
  const at = (share: number) => seconds[Math.floor(share * seconds.length)];
  return {
    name,
    medianSeconds: at(0.5),
    p10: at(0.1),
    p90: at(0.9),
    peakRssMiB: Math.max(...answers.map((answer) => answer.peakRssMiB)),
  };
}
