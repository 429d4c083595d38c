/** Bad input: a message for a person (what was wrong, where, what to do), never a defect of the program. */
export class InputError extends Error {
  override name = 'InputError';
}

/** The message of anything that was thrown. (Not by `instanceof`: jest has several classes `Error`.) */
export function messageOf(error: unknown): string {
  const message = (error as { message?: unknown } | null)?.message;
  return typeof message === 'string' ? message : String(error);
}
