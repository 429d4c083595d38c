/**
 * Checks of values from outside: settings, command-line options, JSON files. Each check also gives the value its
 * TypeScript type (`Checked`). TypeScript checks everything else.
 */
import { InputError } from './errors';

export interface Check<T> {
  /** Completes an error message: "want …". */
  readonly want: string;
  /** What is wrong with `value`, or undefined. `name` is its place: `epochs`, `steps.3.loss`. */
  problem(value: unknown, name: string): string | undefined;
  readonly isNumber?: boolean;
  /** The values to choose from, if there are only a few. */
  readonly choices?: readonly string[];
  /** Carries the type; never set. */
  readonly type?: T;
}

/** The type of the values that pass a check. */
export type Checked<C> = C extends Check<infer T> ? T : never;

/** Returns `value` if it passes. Throws InputError otherwise. */
export function check<T>(wanted: Check<T>, value: unknown, name: string): T {
  const problem = wanted.problem(value, name);
  if (problem) throw new InputError(problem);
  return value as T;
}

function simple<T>(want: string, accepts: (value: unknown) => boolean): Check<T> {
  return {
    want,
    problem: (value, name) =>
      accepts(value) ? undefined : `${name} is ${shown(value)}, want ${want}`,
  };
}

function numeric(want: string, accepts: (value: number) => boolean): Check<number> {
  const check = simple<number>(want, (value) => typeof value === 'number' && accepts(value));
  return { ...check, isNumber: true };
}

const integer = (want: string, min: number, max = Number.MAX_SAFE_INTEGER) =>
  numeric(want, (value) => Number.isInteger(value) && value >= min && value <= max);

export const number = numeric('a number', () => true);
export const positiveInteger = integer('a positive whole number', 1);
export const wholeNumber = integer('a whole number from 0 to 2147483647', 0, 0x7fffffff);
/** A count or an offset in a file. */
export const size = integer('a whole number, 0 or greater', 0);
export const positiveNumber = numeric('a number greater than 0', (x) => x > 0 && x < Infinity);
export const nonNegativeNumber = numeric('a number, 0 or greater', (x) => x >= 0 && x < Infinity);
export const text = simple<string>('text', (value) => typeof value === 'string');
export const boolean = simple<boolean>('true or false', (value) => typeof value === 'boolean');
/** Any JSON value. */
export const anything = simple<unknown>('a value', () => true);

export function oneOf<T extends string>(choices: readonly T[]): Check<T> {
  const isChoice = (value: unknown) => choices.includes(value as T);
  return { ...simple<T>(`one of ${choices.join(', ')}`, isChoice), choices };
}

export function nullable<T>(wanted: Check<T>): Check<T | null> {
  return {
    ...wanted,
    problem: (value, name) => (value === null ? undefined : wanted.problem(value, name)),
  };
}

export function optional<T>(wanted: Check<T>): Check<T | undefined> {
  return {
    ...wanted,
    problem: (value, name) => (value === undefined ? undefined : wanted.problem(value, name)),
  };
}

export function listOf<T>(item: Check<T>): Check<T[]> {
  const list = simple<T[]>('a list', Array.isArray);
  return {
    ...list,
    problem: (value, name) =>
      list.problem(value, name) ??
      firstOf(value as T[], (each, i) => item.problem(each, `${name}.${i}`)),
  };
}

/** An object that has these keys; it may have others too. */
export function objectOf<F extends Record<string, Check<unknown>>>(
  fields: F,
): Check<{ [K in keyof F]: Checked<F[K]> }> {
  const object = simple<{ [K in keyof F]: Checked<F[K]> }>(
    'an object',
    (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  );
  return {
    ...object,
    problem: (value, name) =>
      object.problem(value, name) ??
      firstOf(Object.keys(fields), (key) =>
        fields[key].problem((value as Record<string, unknown>)[key], `${name}.${key}`),
      ),
  };
}

function firstOf<T>(
  items: readonly T[],
  problem: (item: T, i: number) => string | undefined,
): string | undefined {
  for (const [i, item] of items.entries()) {
    const found = problem(item, i);
    if (found) return found;
  }
  return undefined;
}

/** A value in a message: short, on one line. */
function shown(value: unknown): string {
  if (value === undefined) return 'missing';
  if (typeof value === 'string') return `'${value.replace(/\s+/g, ' ').slice(0, 60)}'`;
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}
