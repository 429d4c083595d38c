import { countLabels, type ImageSet } from '../data/index';
import { hashOf } from '../files';

/** A smaller set may well lack a class. */
const PER_CLASS = 5;

/** One line if some classes have no images in `set`, unless it is small. Else undefined. */
export function absentClasses(set: ImageSet): string | undefined {
  if (set.length < PER_CLASS * set.classNames.length) return undefined;
  const counts = countLabels(set);
  const absent = set.classNames.filter((_, label) => counts[label] === 0);
  if (absent.length === 0) return undefined;
  const names = absent.length <= 10 ? absent : [...absent.slice(0, 9), `${absent.length - 9} more`];
  return (
    `the ${set.length} images of ${set.name} include none of ${absent.length} of the ${set.classNames.length} classes: ` +
    names.join(', ')
  );
}

/**
 * What makes the results of training on `train` and validating on `validation` doubtful: absent classes, images in
 * both sets, equal images with different labels. Returns one line for each. Does not compare the images of sets that
 * are too large for memory.
 */
export function doubtsAbout(train: ImageSet, validation?: ImageSet): string[] {
  const both = validation ? [train, validation] : [train];
  const doubts = both.flatMap((set) => absentClasses(set) ?? []);
  if (both.some(({ readImage }) => readImage)) return doubts;

  const seen = new Map<string, number>(); // the label of each image of `train`, by the hash of its pixels
  let [contradictions, shared] = [0, 0];
  for (const set of both) {
    const size = set.height * set.width * set.channels;
    for (let i = 0; i < set.length; i++) {
      const hash = hashOf('md5', set.pixels.subarray(i * size, (i + 1) * size));
      const label = seen.get(hash);
      if (label !== undefined && label !== set.labels[i]) contradictions++;
      if (label !== undefined && set === validation) shared++;
      if (set === train) seen.set(hash, set.labels[i]);
    }
  }
  if (shared > 0) {
    doubts.push(
      `${shared} of the ${validation!.length} validation images are also training images: validation will look too good`,
    );
  }
  if (contradictions > 0) {
    doubts.push(`${contradictions} images are equal to an earlier one but have another label`);
  }
  return doubts;
}
