/** Seeing it: Plotly figures, image grids, and showing them under a notebook's cell. */
export {
  barFigure,
  confusionFigure,
  epochCurves,
  type Figure,
  lossComparison,
  probabilitiesFigure,
  smooth,
  stepCurves,
} from './figures';
export { percent } from './format';
export { type GridOptions, imageGrid, stepsGrid } from './grid';
export { bar, clock, progressLine, streamProgress } from './progress';
export { showEpochs, showFigure, showImage, showProgress, showTable } from './show';
