/** Comparison with PyTorch's numbers, in sections for the report and the tests. */

export { accumulationSection } from './accumulation';
export { absolute, fingerprint, relative, seedValues } from './fingerprint';
export { networkSections } from './network';
export { othersSection } from './others';
export { pageWith, textOf } from './page';
export { preprocessingSection } from './preprocessing';
export { type Golden, readGolden } from './read-golden';
export { isWithin, markdown, row, type Section } from './sections';
export { dropoutSection } from './statistics';
export { trainingSection } from './training';
