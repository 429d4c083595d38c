/** How the learning rate changes during training. */
export type Schedule = 'constant' | 'cosine';

export const SCHEDULES: readonly Schedule[] = ['constant', 'cosine'];

/** The fraction of all steps in which `cosine` warms up. */
const WARM_UP = 0.05;

/**
 * The learning rate of step number `step`, from 1 to `steps`.
 *
 * `cosine` rises linearly over the first 5% of the steps, then falls towards 0 along half a cosine
 * (Loshchilov, Hutter: SGDR, 2017, without restarts).
 */
export function scheduledRate(
  schedule: Schedule,
  rate: number,
  step: number,
  steps: number,
): number {
  if (schedule === 'constant') return rate;
  const warmUp = Math.ceil(WARM_UP * steps);
  if (step <= warmUp) return (rate * step) / warmUp;
  const progress = (step - warmUp) / (steps - warmUp + 1);
  return (rate * (1 + Math.cos(Math.PI * progress))) / 2;
}
