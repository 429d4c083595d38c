/** Below these probabilities of the best digit, a prediction comes with a warning. */
const UNSURE = 0.9;
const UNKNOWN = 0.7;

/**
 * A sentence if the best of `probabilities` is low, else undefined. Of the 10,000 test images, which all are digits,
 * a trained network warns about one in fifty. It does not notice every letter: an O looks like a 0.
 */
export function doubtOf(probabilities: readonly number[]): string | undefined {
  const best = Math.max(...probabilities);
  if (best < UNKNOWN) return 'I am not sure: this looks like no digit I know';
  return best < UNSURE ? 'I am not sure' : undefined;
}

/** The doubt about something that is too wide for one digit. */
export const WIDE = 'It is wider than a digit: it may be several that touch';
