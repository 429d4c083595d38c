/** Progress lines in the style of tqdm, as text and on a terminal. */
import readline from 'node:readline';
import type { Progress, ProgressListener } from '../progress';

/** `Epoch 2/5:  43%|██████▉         | 203/469 [02:01<02:39, 1.67 batch/s, loss=0.081, acc=97.6%]` */
export function progressLine({ label, done, total, unit, seconds, details }: Progress): string {
  const percent = String(Math.floor((100 * done) / total)).padStart(3);
  const rate = done / seconds;
  const remaining = (total - done) / rate;
  const speed = rate >= 1 ? `${rate.toFixed(2)} ${unit}/s` : `${(1 / rate).toFixed(2)} s/${unit}`;
  const tail = [speed, details].filter(Boolean).join(', ');
  return `${label}: ${percent}%|${bar(done / total)}| ${done}/${total} [${clock(seconds)}<${clock(remaining)}, ${tail}]`;
}

/**
 * A listener that writes to `stream`. On a terminal it updates one line in place; in a log it writes a line every
 * ten seconds and one at the end of each task.
 */
export function streamProgress(stream: NodeJS.WriteStream): ProgressListener {
  const interval = stream.isTTY ? 100 : 10_000;
  let last = performance.now() - (stream.isTTY ? interval : 0);
  return (progress) => {
    const finished = progress.done >= progress.total;
    const now = performance.now();
    if (!finished && now - last < interval) return;
    last = now;
    const line = progressLine(progress);
    if (!stream.isTTY) {
      stream.write(`${line}\n`);
      return;
    }
    readline.cursorTo(stream, 0);
    readline.clearLine(stream, 0);
    stream.write(line.slice(0, stream.columns || undefined));
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
