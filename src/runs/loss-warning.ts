import type { History } from '../train/index';

/** The share of an epoch's steps, its last, whose mean loss is judged. */
const JUDGED = 0.25;
/** An epoch of fewer steps says little. */
const FEWEST_STEPS = 8;

/**
 * The loss of guessing: the entropy of the labels' distribution. That is ln(classes) if all classes are equally
 * frequent.
 */
export function lossOfGuessing(labels: ArrayLike<number>): number {
  const counts = new Map<number, number>();
  for (const label of Array.from(labels)) counts.set(label, (counts.get(label) ?? 0) + 1);
  const shares = [...counts.values()].map((count) => count / labels.length);
  return shares.reduce((sum, share) => sum - share * Math.log(share), 0);
}

/** One line if the last epoch ended with a loss no better than guessing, or far worse. Else undefined. */
export function lossWarning({ epochs, steps }: History, guessing: number): string | undefined {
  const [before, last] = [epochs.at(-2)?.steps ?? 0, epochs.at(-1)!];
  const ofEpoch = steps.slice(before);
  if (ofEpoch.length < FEWEST_STEPS) return undefined;
  const judged = ofEpoch.slice(-Math.ceil(JUDGED * ofEpoch.length));
  const loss = judged.reduce((sum, step) => sum + step.loss, 0) / judged.length;
  const where = `at the end of epoch ${last.epoch}, the loss is ${shortly(loss)}`;
  const guess = `the loss of guessing (${guessing.toFixed(2)})`;
  if (loss > 2 * guessing) {
    return `${where}, far above ${guess}: training diverged. Try a smaller learning rate (--lr)`;
  }
  if (loss > 0.97 * guessing) {
    return (
      `${where}, which is about ${guess}: the network has learned nothing yet. ` +
      'What usually helps: a smaller learning rate (--lr), --schedule cosine, or --init he'
    );
  }
  return undefined;
}

const shortly = (value: number) => (value < 1000 ? value.toFixed(2) : value.toExponential(1));
