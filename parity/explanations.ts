import { gatherPixels, loadDataset } from '../src/data/index';
import { gradCam, occlusion } from '../src/explain/index';
import type { tf } from '../src/tf/index';
import { largestDifference } from './fingerprint';
import type { Golden } from './read-golden';
import { type Row, row, tensorRow } from './sections';

/** Grad-CAM and occlusion of one digit. */
export function explanationRows(model: tf.LayersModel, golden: Golden['explanations']): Row[] {
  const pixels = gatherPixels(loadDataset('test'), [golden.digit]);
  const image = { pixels, height: 28, width: 28 };
  const maps = Object.entries(golden.gradCam).map(([layer, want]) => {
    const what = `Grad-CAM of ${layer}, values up to ${want.max.toPrecision(3)}`;
    return tensorRow(what, gradCam(model, image, { layer }).values, want);
  });
  const { values, rounding } = golden.occlusion;
  const what = `Occlusion, values up to ${Math.max(...values).toPrecision(3)}`;
  const falls = occlusion(model, image).values;
  return [...maps, row(what, largestDifference(falls, values), 1e-4, rounding)];
}
