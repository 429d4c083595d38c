/** Shows what a network has learned: the filters of a convolution and its feature maps for one image. */
export { type FeatureMaps, featureMaps, filterImages } from './inside';
