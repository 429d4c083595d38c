/** Plotly figures, image grids and progress lines, and how to show them below a notebook cell. */

export {
  epochCurves,
  fanFigure,
  lineFigure,
  lossComparison,
  smooth,
  stepCurves,
  thinned,
} from './curves';
export { barsDrawing, type Drawing, type Matrix, matrixDrawing, networkDrawing } from './drawings';
export type { Figure } from './figure';
export {
  barFigure,
  calibrationFigure,
  classReportFigure,
  confusionFigure,
  pointsFigure,
  probabilitiesFigure,
  sharesFigure,
} from './figures';
export { percent, plainTable } from './format';
export {
  featureGrid,
  type GridOptions,
  type Heat,
  heatGrid,
  imageGrid,
  stepsGrid,
  tileGrid,
} from './grid';
export { localised } from './language';
export { type LiveOptions, showTraining } from './live';
export { figureSvg } from './picture';
export {
  bar,
  clock,
  isTerminal,
  type OutputStream,
  progressLine,
  streamProgress,
} from './progress';
export {
  showBars,
  showDrawing,
  showEpochs,
  showFigure,
  showImage,
  showProgress,
  showTable,
  tqdm,
} from './show';
