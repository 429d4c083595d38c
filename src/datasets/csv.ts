/** Kaggle's digit recogniser and the like: a line for each image, its label and its grey pixels. */
import fs from 'node:fs';
import path from 'node:path';
import { DIGITS, type ImageSet, type Split } from '../data/index';
import { InputError } from '../errors';
import type { Part } from './part';

const [COMMA, NEWLINE, RETURN, ZERO, NINE] = [44, 10, 13, 48, 57];

/** `mnist_train.csv` and `mnist_test.csv` are the two parts; `train.csv` is all that has labels. */
export function readCsv(file: string, split: Split): Part {
  const isPart = /^mnist_(train|test)\.csv$/.test(path.basename(file));
  const name = path.basename(file, '.csv');
  return {
    set: { ...parse(file), name: isPart ? `MNIST ${split}` : name },
    order: isPart ? 'file' : 'share',
  };
}

function parse(file: string): Omit<ImageSet, 'name'> {
  const bytes = fs.readFileSync(file);
  const [firstLine] = bytes.toString('latin1', 0, 1_000_000).split('\n', 1);
  const columns = firstLine.split(',').length;
  const side = Math.sqrt(columns - 1);
  if (columns < 2 || !Number.isInteger(side)) {
    throw new InputError(
      `${file}: ${columns} columns, want a label and the pixels of a square image, such as 1 + 28·28`,
    );
  }
  const hasHeader = /[a-z]/i.test(firstLine);
  const rows: number[] = [];
  let at = hasHeader ? firstLine.length + 1 : 0;
  for (let line = hasHeader ? 2 : 1; at < bytes.length; line++) {
    let [column, value, digits] = [0, 0, 0];
    const end = () => {
      if (digits === 0 || !(value <= 255)) {
        const what = value > 255 ? `${value}, want at most 255` : 'no whole number';
        throw new InputError(`${file}: line ${line}, column ${column + 1}: ${what}`);
      }
      rows.push(value);
      [column, value, digits] = [column + 1, 0, 0];
    };
    for (; at < bytes.length && bytes[at] !== NEWLINE; at++) {
      const byte = bytes[at];
      if (byte >= ZERO && byte <= NINE) {
        value = 10 * value + byte - ZERO;
        digits++;
      } else if (byte === COMMA) end();
      else if (byte !== RETURN) value = Number.NaN;
    }
    at++;
    if (column === 0 && digits === 0) continue; // an empty line
    end();
    if (column !== columns) {
      throw new InputError(`${file}: line ${line} has ${column} columns, want ${columns}`);
    }
  }
  const length = rows.length / columns;
  if (length < 1) throw new InputError(`${file}: holds no images`);
  const labels = new Uint8Array(length);
  const pixels = new Uint8Array(length * (columns - 1));
  for (let i = 0; i < length; i++) {
    labels[i] = rows[i * columns];
    for (let p = 1; p < columns; p++) pixels[i * (columns - 1) + p - 1] = rows[i * columns + p];
  }
  const wrong = labels.findIndex((label) => label > 9);
  if (wrong >= 0)
    throw new InputError(`${file}: label ${labels[wrong]} in image ${wrong + 1}, want 0 to 9`);
  return { pixels, labels, length, height: side, width: side, channels: 1, classNames: DIGITS };
}
