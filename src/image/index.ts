/**
 * From any picture to pixels: file headers, resizing as torchvision does, and from a photo of a digit to
 * MNIST's form. Runs in browsers too: no Node and no TensorFlow (see tsconfig.json).
 */
export { type Bitmap, type GreyImage, greyImage, MAX_PIXELS } from './bitmap';
export { type DigitStep, digitSteps } from './digit';
export { type Header, readHeader } from './header';
export { inputValues, normalise, resize, resizeWeights } from './resize';
