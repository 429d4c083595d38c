/** The network: its table, the model built from it, and the model on disk. */
export { type AlexNetOptions, alexnet } from './alexnet';
export { checkModel } from './check';
export { Dropout } from './dropout';
export { INITIALISATIONS, type Initialisation, initialise } from './initialise';
export {
  ALEXNET,
  type Dimensions,
  type LayerRow,
  type LayerSpec,
  layerTable,
  totals,
} from './layers';
export { type LoadWeightsOptions, saveStateDict } from './pytorch/index';
export { inputSizeOf, loadModel, saveModel } from './storage';
