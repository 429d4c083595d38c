/** Bad input: a message for a person (what was wrong, where, what to do), never a defect of the program. */
export class InputError extends Error {
  override name = 'InputError';
}

/** Throws InputError unless `value` is 1, 2, 3 …; `name` is what the message calls it. */
export function positiveInteger(name: string, value: number): void {
  if (!Number.isInteger(value) || value < 1) {
    throw new InputError(`${name} is ${value}, want a positive whole number`);
  }
}

/** Throws InputError unless `value` is one of `choices`. */
export function oneOf(name: string, value: unknown, choices: readonly unknown[]): void {
  if (!choices.includes(value)) {
    throw new InputError(`${name} is '${value}', want one of ${choices.join(', ')}`);
  }
}

/** The message of anything that was thrown. (Not by `instanceof`: jest has several classes `Error`.) */
export function messageOf(error: unknown): string {
  const message = (error as { message?: unknown } | null)?.message;
  return typeof message === 'string' ? message : String(error);
}
