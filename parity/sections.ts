/** What is compared, a section a subject. A row is one measured difference and what it may be at most. */
export interface Row {
  what: string;
  measured: number;
  limit: number;
  /** How far PyTorch's float32 is from its own float64, in the same measure. */
  rounding?: number;
}

export interface Section {
  title: string;
  text: string;
  rows: Row[];
}

/** False for NaN too. */
export function isWithin({ measured, limit }: Row): boolean {
  return measured <= limit;
}

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
