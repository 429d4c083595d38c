/** Progress lines in the style of tqdm, as text and on a terminal. */
import readline from 'node:readline';
import type { Progress, ProgressListener } from '../progress';

/** `Epoch 2/5:  43%|██████▉         | 203/469 [02:01<02:39, 1.67 batch/s, loss=0.081, acc=97.6%]` */
export function progressLine({ label, done, total, unit, seconds, details }: Progress): string {
  const percent = String(Math.floor((100 * done) / total)).padStart(3);
  const rate = done / seconds;
  const remaining = (total - done) / rate;
  const speed = rate >= 1 ? `${rate.toFixed(2)} ${unit}/s` : `${(1 / rate).toFixed(2)} s/${unit}`;
  const tail = [done > 0 ? speed : `? ${unit}/s`, details].filter(Boolean).join(', ');
  return `${label}: ${percent}%|${bar(done / total)}| ${done}/${total} [${clock(seconds)}<${clock(remaining)}, ${tail}]`;
}

/**
 * Makes a progress line fit into `columns` characters: shortens the bar, then the label from its start, then leaves out
 * the speed. So the loss and the accuracy, which come last, stay.
 */
export function fitted(line: string, columns: number): string {
  const [label, full, tail] = line.split('|');
  const excess = line.length - columns;
  if (excess <= 0 || tail === undefined) return line.slice(0, columns);
  const width = full.length - excess;
  if (width > 0) return `${label}|${bar(Number(label.match(/(\d+)%/)?.[1]) / 100, width)}|${tail}`;
  const room = columns - tail.length;
  if (label.length <= room) return label + tail;
  const percent = label.slice(label.lastIndexOf(':'));
  if (room > percent.length) return `…${label.slice(1 - room)}${tail}`;
  return (label + tail.replace(/, [^,]+\/[a-z]+/, '')).slice(0, columns);
}

/** Standard output, or what stands in for it. */
export type OutputStream = NodeJS.WritableStream & { isTTY?: boolean; columns?: number };

/** Whether text on `stream` can be replaced. */
export function isTerminal(stream: OutputStream): boolean {
  return stream.isTTY === true && process.env.TERM !== 'dumb';
}

/**
 * A listener that writes to `stream`. On a terminal it updates one line in place; in a log it writes a line every
 * ten seconds and one at the end of each task.
 */
export function streamProgress(stream: OutputStream): ProgressListener {
  const inPlace = isTerminal(stream);
  const interval = inPlace ? 100 : 10_000;
  let last = performance.now() - (inPlace ? interval : 0);
  return (progress) => {
    const finished = progress.done >= progress.total;
    const now = performance.now();
    if (!finished && now - last < interval) return;
    last = now;
    const line = progressLine(progress);
    if (!inPlace) {
      stream.write(`${line}\n`);
      return;
    }
    readline.cursorTo(stream, 0);
    readline.clearLine(stream, 0);
    stream.write(fitted(line, stream.columns || Infinity));
    if (finished) stream.write('\n');
  };
}

/** A text bar of `width` characters. `share` is 0 to 1; the bar resolves eighths of a character. */
export function bar(share: number, width = 16): string {
  const eighths = Math.round(share * width * 8);
  const full = Math.floor(eighths / 8);
  const part = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'][eighths % 8];
  return ('█'.repeat(full) + part).padEnd(width);
}

/** Seconds as mm:ss or h:mm:ss. */
export function clock(seconds: number): string {
  if (!Number.isFinite(seconds)) return '?';
  const whole = Math.round(seconds);
  const two = (value: number) => String(value).padStart(2, '0');
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours > 0
    ? `${hours}:${two(minutes)}:${two(whole % 60)}`
    : `${two(minutes)}:${two(whole % 60)}`;
}
