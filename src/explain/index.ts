/** Shows what a network has learned: filters, feature maps, why it predicts a class, how it sorts images. */
export { features, type Points, projectPca, projectUmap } from './embedding';
export { type GradCamOptions, gradCam, type HeatMap } from './grad-cam';
export { type FeatureMaps, featureMaps, filterChanges, filterImages } from './inside';
export { type OcclusionOptions, occlusion } from './occlusion';
