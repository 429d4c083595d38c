/** The tables of docs/parity.md and docs/article.md. The text around them is written by hand. */
import fs from 'node:fs';
import path from 'node:path';

/** A table in Markdown. */
export function table(columns: string[], rows: string[][]): string {
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`.replaceAll('|  |', '| |');
  return [line(columns), `|${'---|'.repeat(columns.length)}`, ...rows.map(line)].join('\n');
}

/** Tables by title, for the terminal. */
export function textOf(tables: Record<string, string>): string {
  return Object.entries(tables)
    .map(([title, content]) => `${title}\n\n${content}\n`)
    .join('\n');
}

/** The page docs/NAME.md with new tables. Each is marked: `<!-- TITLE -->` … `<!-- /TITLE -->`. */
export function pageWith(name: string, tables: Record<string, string>): string {
  let page = fs.readFileSync(path.join(__dirname, '..', 'docs', `${name}.md`), 'utf8');
  for (const [title, content] of Object.entries(tables)) {
    const [start, end] = [`<!-- ${title} -->`, `<!-- /${title} -->`];
    const [before, rest] = page.split(start);
    const after = rest?.split(end)[1];
    if (after === undefined) throw new Error(`docs/${name}.md: no section ${start} … ${end}`);
    page = `${before}${start}\n\n${content}\n\n${end}${after}`;
  }
  return page;
}
