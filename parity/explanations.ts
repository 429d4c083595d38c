import { gatherPixels, loadDataset } from '../src/data/index';
import { gradCam, occlusion } from '../src/explain/index';
import { alexnet } from '../src/model/index';
import { fingerprint, largestDifference, relative } from './fingerprint';
import { setSeedWeights } from './parameters';
import type { Golden } from './read-golden';
import { row, type Section } from './sections';

/** Grad-CAM and occlusion of one digit, in the whole network. */
export function explanationSection({ explanations }: Golden): Section {
  const { digit, gradCam: maps, occlusion: covered } = explanations;
  const model = alexnet({ dropout: 0 });
  setSeedWeights(model);
  const image = { pixels: gatherPixels(loadDataset('test'), [digit]), height: 28, width: 28 };
  const rows = Object.entries(maps).map(([layer, want]) =>
    row(
      `Grad-CAM of ${layer}, values up to ${want.max.toPrecision(3)}`,
      relative(fingerprint(gradCam(model, image, { layer }).values), want),
      1e-4,
      want.rounding,
    ),
  );
  const falls = occlusion(model, image).values;
  rows.push(
    row(
      `Occlusion, values up to ${Math.max(...covered.values).toPrecision(3)}`,
      largestDifference(falls, covered.values),
      1e-4,
      covered.rounding,
    ),
  );
  model.dispose();
  return {
    title: 'Explanations',
    text:
      `Which part of test image ${digit} speaks for the predicted class: Grad-CAM's heat map, relative as in ` +
      '"Backward", and the fall of the probability under a black square, absolute. The same weights as above.',
    rows,
  };
}
