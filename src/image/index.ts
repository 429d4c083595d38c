/**
 * Pictures: converts a photo of a digit to MNIST's form, and resizes as torchvision does.
 * Runs in browsers too: no Node and no TensorFlow (see tsconfig.json).
 */
export { type Bitmap, type GreyImage, greyImage, MAX_PIXELS } from './bitmap';
export { type DigitStep, digitSteps } from './digit';
export { drawnBitmap } from './drawn';
export {
  HALF,
  inputValues,
  type Normalisation,
  normalise,
  resize,
  resizeWeights,
} from './resize';
