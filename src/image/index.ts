/**
 * Pictures: converts a photo of a digit to MNIST's form, and resizes as torchvision does.
 * Runs in browsers too: no Node and no TensorFlow (see tsconfig.json).
 */
export { type Bitmap, type GreyImage, greyImage, MAX_PIXELS } from './bitmap';
export { type Digit, type DigitStep, digitSteps, digitsIn, onlyOne } from './digit';
export { drawnBitmap } from './drawn';
export type { Box } from './raster';
export {
  HALF,
  inputValues,
  type Normalisation,
  normalise,
  resize,
  resizeWeights,
} from './resize';
export { isWide } from './several';
