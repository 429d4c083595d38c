import { loadDataset, makeBatch } from '../src/data/index';
import { alexnet, NETWORKS, type NetworkName, trainableVariables } from '../src/model/index';
import { tf } from '../src/tf/index';
import { crossEntropySum } from '../src/train/index';
import { absolute, fingerprint, relative } from './fingerprint';
import { parametersOf, setSeedWeights, torchOrder, valuesOf } from './parameters';
import type { Golden } from './read-golden';
import { row, type Section } from './sections';

/** LeNet-5 and the small VGG, forward and backward on the four digits. */
export function othersSection({ others, network }: Golden): Section {
  const rows = Object.entries(others).flatMap(([name, { logits, gradient }]) => {
    const { layers, inputSize } = NETWORKS[name as NetworkName];
    const model = alexnet({ layers, inputSize, dropout: 0 });
    setSeedWeights(model);
    const { images, labels } = makeBatch(loadDataset('test'), network.digits, inputSize);
    const ours = valuesOf(() => model.apply(images) as tf.Tensor);
    const gradients = valuesOf(() => {
      const { grads } = tf.variableGrads(() => {
        const output = model.apply(images) as tf.Tensor2D;
        return crossEntropySum(output, labels).div<tf.Scalar>(network.digits.length);
      }, trainableVariables(model));
      return tf.concat1d(
        parametersOf(model).map((each) => torchOrder(each, grads[each.variable.name]).flatten()),
      );
    });
    tf.dispose([images, labels]);
    model.dispose();
    return [
      row(
        `${name}: logits, up to ${logits.max.toPrecision(3)}`,
        absolute(fingerprint(ours), logits),
        1e-4,
        logits.rounding,
      ),
      row(
        `${name}: gradient, all parameters in one list, relative`,
        relative(fingerprint(gradients), gradient),
        1e-4,
        gradient.rounding,
      ),
    ];
  });
  return {
    title: 'Other networks',
    text: 'The other networks of `npm run train -- --list-networks`, on the same four digits, with weights by formula.',
    rows,
  };
}
