/** Seeing it: Plotly figures, image grids, and showing them under a notebook's cell. */
export {
  barFigure,
  confusionFigure,
  epochCurves,
  type Figure,
  smooth,
  stepCurves,
} from './figures';
export { type GridOptions, imageGrid } from './grid';
export { clock, progressLine, streamProgress } from './progress';
export { showFigure, showImage, showProgress, showTable } from './show';
