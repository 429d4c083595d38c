/** Fine-tuning: starts from the weights of a network that was trained on other images. */
export { featuresOf, type Halves, splitAtClassifier } from './features';
export { freezeFeatures, unfreeze, withClasses } from './start';
