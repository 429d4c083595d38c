/** The parts of the report. A row is one measured difference and its limit. */
import { type Fingerprint, fingerprint, relative } from './fingerprint';
import { table } from './page';
import type { Rounded } from './read-golden';

export interface Row {
  what: string;
  measured: number;
  limit: number;
  /** The difference between PyTorch's float32 and its own float64, in the same measure. */
  rounding?: number;
}

export interface Section {
  title: string;
  rows: Row[];
}

export function row(what: string, measured: number, limit: number, rounding?: number): Row {
  return { what, measured, limit, rounding };
}

/** A tensor compared with PyTorch's. */
export function tensorRow(
  what: string,
  ours: ArrayLike<number>,
  theirs: Rounded<Fingerprint>,
  measure = relative,
): Row {
  return row(what, measure(fingerprint(ours), theirs), 1e-4, theirs.rounding);
}

/** False for NaN. */
export function isWithin({ measured, limit }: Row): boolean {
  return measured <= limit;
}

/** A table in Markdown. Differences beyond their limit are bold. */
export function markdown({ rows }: Section): string {
  return table(
    ['', 'difference', 'limit', 'PyTorch, float32 from float64'],
    rows.map((row) => [
      row.what,
      isWithin(row) ? number(row.measured) : `**${number(row.measured)}**`,
      number(row.limit),
      row.rounding === undefined ? '' : number(row.rounding),
    ]),
  );
}

/** 0, 3, 0.93 or 2.4e-6. */
function number(value: number): string {
  if (Number.isInteger(value)) return String(value);
  return Math.abs(value) < 0.01 ? value.toExponential(1) : value.toPrecision(2);
}
