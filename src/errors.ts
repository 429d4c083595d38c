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

/** Throws InputError unless `value` is an array or a typed array of at least `least`. */
export function checkList(name: string, value: unknown, least = 0): void {
  const isList = Array.isArray(value) || (ArrayBuffer.isView(value) && 'length' in value);
  if (!isList) throw new InputError(`${name} is ${kindOf(value)}, want a list`);
  const { length } = value as ArrayLike<unknown>;
  if (length < least) throw new InputError(`${name} has ${length} elements, want ${least} or more`);
}

/** Throws InputError unless `value` is a text that is not empty. */
export function checkText(name: string, value: unknown): void {
  if (typeof value !== 'string') throw new InputError(`${name} is ${kindOf(value)}, want a text`);
  if (value === '') throw new InputError(`${name} is empty`);
}

/** Throws InputError unless `value` is an object that has all of `keys`. */
export function checkObject(name: string, value: unknown, keys: readonly string[] = []): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new InputError(`${name} is ${kindOf(value)}, want an object`);
  }
  const missing = keys.filter((key) => (value as Record<string, unknown>)[key] === undefined);
  if (missing.length > 0) throw new InputError(`${name} has no ${missing.join(', ')}`);
}

/** What a value is, for a message. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

/** The message of anything that was thrown. (Not by `instanceof`: jest has several classes `Error`.) */
export function messageOf(error: unknown): string {
  const message = (error as { message?: unknown } | null)?.message;
  return typeof message === 'string' ? message : String(error);
}
