/** Your own images: recognises what a folder or file holds, and reads it as an `ImageSet`. */
export { absentClasses, doubtsAbout } from './doubts';
export { loadImages } from './load';
export type { LoadOptions } from './part';
