/** Bad input. The message says what is wrong, where, and how to fix it. It is shown without a stack trace. */
export class InputError extends Error {
  override name = 'InputError';
  /** Of a command that it ends. */
  readonly exitCode: number = 1;
}

/** The message of any thrown value. No `instanceof`, because jest has more than one `Error` class. */
export function messageOf(error: unknown): string {
  const message = (error as { message?: unknown } | null)?.message;
  return typeof message === 'string' ? message : String(error);
}
