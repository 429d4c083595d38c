/** Bad input: a message for a person (what was wrong, where, what to do), never a defect of the program. */
export class InputError extends Error {
  override name = 'InputError';
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
