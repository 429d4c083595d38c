/** The network: its table of layers, and the model built from it. */
export { type AlexNetOptions, alexnet, SMALL, zeroAlexnet } from './alexnet';
export { BatchNorm } from './batch-norm';
export { Dropout } from './dropout';
export { classifierOf, dependentsOf, inputLayer, inputsOf, outputsOf } from './graph';
export {
  classNamesOf,
  describe,
  infoOf,
  MODEL_INFO,
  type ModelInfo,
  normalisationOf,
  readsDigits,
} from './info';
export { INITIALISATIONS, type Initialisation, initialiseLayer } from './initialise';
export {
  type Dimensions,
  type LayerRow,
  type LayerSpec,
  layerTable,
  totals,
} from './layers';
export { ALEXNET, NETWORKS, type Network, type NetworkName } from './networks';
export type { Share } from './share';
export {
  checkDimensions,
  checkFits,
  countingLayers,
  inputSizeOf,
  NOT_FINITE,
  namedWeights,
  trainableVariables,
} from './weights';
