/** Titles, axes and descriptions in the reader's language. The code is in English; this translates what is shown. */
import { CHINESE } from './chinese';
import type { Figure } from './figure';

/**
 * `text` in the language of the variable FIGURE_LANGUAGE: `zh` (the kernel sets it for notebooks in a folder `zh`), or
 * English. Text without a translation stays.
 */
export function localised(text: string): string {
  if (process.env.FIGURE_LANGUAGE !== 'zh') return text;
  const exact = CHINESE[text];
  if (exact) return exact;
  // `step {0}` translates `step 100`.
  for (const [english, chinese] of Object.entries(CHINESE)) {
    if (!english.includes('{0}')) continue;
    const parts = english
      .split(/\{\d\}/)
      .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
    const found = text.match(new RegExp(`^${parts.join('(.+)')}$`));
    if (found) return chinese.replace(/\{(\d)\}/g, (_, i) => localised(found[Number(i) + 1]));
  }
  return text;
}

/** The figure with its title, axes and legend in the reader's language. */
export function localisedFigure({ data, layout }: Figure): Figure {
  const titled = (value: unknown): unknown => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
    const { title } = value as { title?: { text?: string } };
    return title?.text ? { ...value, title: { ...title, text: localised(title.text) } } : value;
  };
  const named = data.map((trace) =>
    typeof trace.name === 'string' ? { ...trace, name: localised(trace.name) } : trace,
  );
  const axes = Object.entries(layout).map(([key, value]) => [key, titled(value)]);
  return { data: named, layout: titled(Object.fromEntries(axes)) as Figure['layout'] };
}
