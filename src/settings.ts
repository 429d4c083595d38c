/** A table of settings: for each its valid values, default, help text, and whether a resumed run may change it. */
import { type Check, check } from './checks';

export interface Setting<T> {
  readonly check: Check<T>;
  readonly default?: T;
  /** The text in `--help`. */
  readonly help: string;
  /** The command-line option, if it differs from the name. */
  readonly flag?: string;
  /** Whether a resumed run may change it: only with `--change`, freely, or (undefined) never. */
  readonly change?: 'on request' | 'freely';
}

export type Settings = Readonly<Record<string, Setting<unknown>>>;
/** The values of a table of settings. */
export type ValuesOf<S extends Settings> = {
  [K in keyof S]: S[K] extends Setting<infer T> ? T : never;
};

export function setting<T>(
  check: Check<T>,
  help: string,
  more: Pick<Setting<T>, 'default' | 'flag' | 'change'> = {},
): Setting<T> {
  return { check, help, ...more };
}

/** Fills in defaults, checks values and drops unknown keys. Throws InputError for values out of range. */
export function withDefaults<S extends Settings>(
  settings: S,
  given: Partial<ValuesOf<S>>,
): ValuesOf<S> {
  const values = Object.entries(settings).map(([name, { check: wanted, default: initial }]) => [
    name,
    check(wanted, given[name] ?? initial, name),
  ]);
  return Object.fromEntries(values);
}
