/** Bad input: the message says what is wrong, where, and what to do next. Shown without a stack trace. */
export class InputError extends Error {
  override name = 'InputError';
}

/** The message of anything thrown. (No `instanceof`: jest has more than one `Error` class.) */
export function messageOf(error: unknown): string {
  const message = (error as { message?: unknown } | null)?.message;
  return typeof message === 'string' ? message : String(error);
}
