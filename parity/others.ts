import { HALF, inColour, loadDataset, makeBatch } from '../src/data/index';
import { alexnet, NETWORKS, type Network, trainableVariables } from '../src/model/index';
import { tf } from '../src/tf/index';
import { crossEntropySum } from '../src/train/index';
import { absolute, fingerprint, relative } from './fingerprint';
import { parametersOf, runningAverages, setSeedWeights, torchOrder, valuesOf } from './parameters';
import type { Golden } from './read-golden';
import { row, type Section } from './sections';

/** The other networks, forward and backward on four digits. */
export function othersSection({ others }: Golden): Section {
  const rows = Object.entries(others).flatMap(([name, { digits, tensors }]) => {
    const ours = measure((NETWORKS as Record<string, Network>)[name], digits);
    return Object.entries(tensors).map(([what, want]) => {
      const found = fingerprint(ours[what]);
      return what.includes('logits')
        ? row(
            `${name}: ${what}, up to ${want.max.toPrecision(3)}`,
            absolute(found, want),
            1e-4,
            want.rounding,
          )
        : row(
            `${name}: ${what}, all in one list, relative`,
            relative(found, want),
            1e-4,
            want.rounding,
          );
    });
  });
  return {
    title: 'Other networks',
    text:
      'The other networks of `npm run train -- --list-networks`, on four digits, with weights by formula. ' +
      "`alexnet-imagenet` is compared with torchvision's own class, with three channels and ImageNet's normalisation. " +
      'Batch normalisation is compared with the running averages and, as `training`, with those of the batch.',
    rows,
  };
}

function measure({ layers, inputSize, pretrained }: Network, digits: number[]) {
  const test = loadDataset('test');
  const model = alexnet({
    ...{ layers, inputSize, dropout: 0, channels: pretrained?.channels },
    classes: pretrained?.classNames().length,
  });
  setSeedWeights(model, layers);
  const { images, labels } = pretrained
    ? makeBatch(inColour(test), digits, inputSize, { ...HALF, ...pretrained })
    : makeBatch(test, digits, inputSize);
  const gradient = (training: boolean) => {
    const { grads } = tf.variableGrads(() => {
      const logits = model.apply(images, { training }) as tf.Tensor2D;
      return crossEntropySum(logits, labels).div<tf.Scalar>(digits.length);
    }, trainableVariables(model));
    return tf.concat1d(
      parametersOf(model, layers).map((each) =>
        torchOrder(each, grads[each.variable.name]).flatten(),
      ),
    );
  };
  const values: Record<string, Float32Array> = {
    logits: valuesOf(() => model.apply(images) as tf.Tensor),
    gradient: valuesOf(() => gradient(false)),
  };
  if (layers.some(({ kind }) => kind === 'batchNorm')) {
    values['training gradient'] = valuesOf(() => gradient(true));
    values['running averages'] = valuesOf(() => runningAverages(model, layers));
    values['training logits'] = valuesOf(
      () => model.apply(images, { training: true }) as tf.Tensor,
    );
  }
  tf.dispose([images, labels]);
  model.dispose();
  return values;
}
