/** The network: its table of layers, and the model built from it. */
export { type AlexNetOptions, alexnet, SMALL, zeroAlexnet } from './alexnet';
export { Dropout, dropoutLayers } from './dropout';
export { classNamesOf, nameClasses, readsDigits } from './info';
export { INITIALISATIONS, type Initialisation, initialise } from './initialise';
export {
  type Dimensions,
  type LayerRow,
  type LayerSpec,
  layerTable,
  totals,
} from './layers';
export { ALEXNET, NETWORKS, type Network, type NetworkName, SMALL_ALEXNET } from './networks';
export { checkFits, inputSizeOf, namedWeights, trainableVariables } from './weights';
