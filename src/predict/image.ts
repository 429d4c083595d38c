/** From an image file to the network's input. */
import { readBitmap } from '../decode/index';
import { InputError } from '../errors';
import { type Bitmap, type DigitStep, digitSteps, type GreyImage, greyImage } from '../image/index';

export interface DigitOptions {
  /** The picture already looks like MNIST's, light strokes on black: only make it grey and square. */
  asIs?: boolean;
}

/** Longest side with `asIs`: the whole square goes through TensorFlow. */
const MAX_SQUARE = 4096;

/**
 * Reads a picture of a digit and converts it to MNIST's format with `digitSteps`. The last step is what the network
 * gets.
 *
 * Throws InputError if the file is not a readable picture, or contains no digit.
 */
export async function readDigit(file: string, options: DigitOptions = {}): Promise<DigitStep[]> {
  const bitmap = await readBitmap(file);
  try {
    return options.asIs ? squareSteps(bitmap) : digitSteps(bitmap);
  } catch (error) {
    throw error instanceof InputError ? new InputError(`${file}: ${error.message}`) : error;
  }
}

function squareSteps(bitmap: Bitmap): DigitStep[] {
  const { width, height } = bitmap;
  if (Math.max(width, height) > MAX_SQUARE) {
    throw new InputError(
      `${width}×${height} pixels, want at most ${MAX_SQUARE} on each side to use it as is`,
    );
  }
  const grey = greyImage(bitmap);
  const steps = [{ name: 'Grey', ...grey }];
  return width === height ? steps : [...steps, { name: 'Square', ...square(grey) }];
}

function square({ pixels, width, height }: GreyImage): GreyImage {
  const size = Math.max(width, height);
  const left = Math.floor((size - width) / 2);
  const top = Math.floor((size - height) / 2);
  const padded = new Uint8Array(size * size);
  for (let y = 0; y < height; y++) {
    padded.set(pixels.subarray(y * width, (y + 1) * width), (top + y) * size + left);
  }
  return { pixels: padded, width: size, height: size };
}
