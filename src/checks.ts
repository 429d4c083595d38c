/**
 * What a value from outside must look like: a setting, a command-line option, a JSON file. Each check also
 * gives the value its TypeScript type (`Checked`). TypeScript covers everything else.
 */
import { InputError } from './errors';

export interface Check<T> {
  /** Completes the sentence "want …". */
  readonly want: string;
  /** What is wrong with `value`, or undefined. `name` is where it stands: `epochs`, `steps.3.loss`. */
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

const numeric = (want: string, accepts: (value: number) => boolean): Check<number> => ({
  ...simple<number>(want, (value) => typeof value === 'number' && accepts(value)),
  isNumber: true,
});

export const number = numeric('a number', () => true);
export const positiveInteger = numeric(
  'a positive whole number',
  (value) => Number.isSafeInteger(value) && value >= 1,
);
export const wholeNumber = numeric(
  'a whole number from 0 to 2147483647',
  (value) => Number.isInteger(value) && value >= 0 && value <= 0x7fffffff,
);
/** A count or an offset in a file. */
export const size = numeric(
  'a whole number, 0 or greater',
  (value) => Number.isSafeInteger(value) && value >= 0,
);
export const positiveNumber = numeric(
  'a number greater than 0',
  (value) => Number.isFinite(value) && value > 0,
);
export const nonNegativeNumber = numeric(
  'a number, 0 or greater',
  (value) => Number.isFinite(value) && value >= 0,
);
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
    want: `${wanted.want} or null`,
    problem: (value, name) => (value === null ? undefined : wanted.problem(value, name)),
  };
}

export function optional<T>(wanted: Check<T>): Check<T | undefined> {
  return {
    ...wanted,
    want: `${wanted.want} or nothing`,
    problem: (value, name) => (value === undefined ? undefined : wanted.problem(value, name)),
  };
}

export function listOf<T>(item: Check<T>): Check<T[]> {
  const want = 'a list';
  return {
    want,
    problem(value, name) {
      if (!Array.isArray(value)) return `${name} is ${shown(value)}, want ${want}`;
      return firstProblem(value.keys(), (i) => item.problem(value[i], `${name}.${i}`));
    },
  };
}

/** An object that has these keys; it may have others too. */
export function objectOf<F extends Record<string, Check<unknown>>>(
  fields: F,
): Check<{ [K in keyof F]: Checked<F[K]> }> {
  const want = 'an object';
  return {
    want,
    problem(value, name) {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) {
        return `${name} is ${shown(value)}, want ${want}`;
      }
      return firstProblem(Object.keys(fields), (key) =>
        fields[key].problem((value as Record<string, unknown>)[key], `${name}.${key}`),
      );
    },
  };
}

function firstProblem<K>(
  keys: Iterable<K>,
  problem: (key: K) => string | undefined,
): string | undefined {
  for (const key of keys) {
    const found = problem(key);
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
