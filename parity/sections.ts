/** The parts of the report. A row is one measured difference and its limit. */
export interface Row {
  what: string;
  measured: number;
  limit: number;
  /** The difference between PyTorch's float32 and its own float64, in the same measure. */
  rounding?: number;
}

export interface Section {
  title: string;
  text: string;
  rows: Row[];
}

export function row(what: string, measured: number, limit: number, rounding?: number): Row {
  return { what, measured, limit, rounding };
}

/** False for NaN. */
export function isWithin({ measured, limit }: Row): boolean {
  return measured <= limit;
}

/** A section as a Markdown table. Differences beyond their limit are bold. */
export function markdown({ title, text, rows }: Section): string {
  const lines = rows.map((row) => {
    const rounding = row.rounding === undefined ? '' : number(row.rounding);
    const measured = isWithin(row) ? number(row.measured) : `**${number(row.measured)}**`;
    return `| ${row.what} | ${measured} | ${number(row.limit)} | ${rounding} |`;
  });
  return [
    `## ${title}\n\n${text}\n`,
    '| | difference | limit | PyTorch, float32 from float64 |\n|---|---|---|---|',
    ...lines,
    '',
  ].join('\n');
}

/** 0, 3, 0.93 or 2.4e-6. */
function number(value: number): string {
  if (Number.isInteger(value)) return String(value);
  return Math.abs(value) < 0.01 ? value.toExponential(1) : value.toPrecision(2);
}
