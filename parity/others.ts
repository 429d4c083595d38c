import { disposeBatch, HALF, inColour, loadDataset, makeBatch } from '../src/data/index';
import { NETWORKS, type Network, zeroAlexnet } from '../src/model/index';
import { tf } from '../src/tf/index';
import { absolute } from './fingerprint';
import {
  allTorchValues,
  meanLoss,
  parametersOf,
  runningAverages,
  setSeedWeights,
  valuesOf,
} from './parameters';
import type { Golden } from './read-golden';
import { type Section, tensorRow } from './sections';

/** The other networks, forward and backward on four digits. */
export function othersSection({ others }: Golden): Section {
  const rows = Object.entries(others).flatMap(([name, { digits, tensors }]) => {
    const ours = measure((NETWORKS as Record<string, Network>)[name], digits);
    return Object.entries(tensors).map(([what, want]) =>
      what.includes('logits')
        ? tensorRow(
            `${name}: ${what}, up to ${want.max.toPrecision(3)}`,
            ours[what],
            want,
            absolute,
          )
        : tensorRow(`${name}: ${what}, all in one list, relative`, ours[what], want),
    );
  });
  return { title: 'Other networks', rows };
}

function measure({ layers, inputSize, pretrained }: Network, digits: number[]) {
  const model = zeroAlexnet({
    ...{ layers, inputSize, dropout: 0, channels: pretrained?.channels },
    classes: pretrained?.classNames().length,
  });
  setSeedWeights(model, layers);
  const parameters = parametersOf(model, layers);
  const test = loadDataset('test');
  const batch = pretrained
    ? makeBatch(inColour(test), digits, inputSize, { ...HALF, ...pretrained })
    : makeBatch(test, digits, inputSize);
  const logits = (training: boolean) =>
    valuesOf(() => model.apply(batch.images, { training }) as tf.Tensor);
  const gradient = (training: boolean) => {
    const { value, grads } = meanLoss(model, batch, training);
    const values = allTorchValues(parameters, ({ name }) => grads[name]);
    tf.dispose([value, grads]);
    return values;
  };
  const values: Record<string, Float32Array> = {
    logits: logits(false),
    gradient: gradient(false),
  };
  if (layers.some(({ kind }) => kind === 'batchNorm')) {
    values['training gradient'] = gradient(true);
    values['running averages'] = valuesOf(() => runningAverages(model, layers));
    values['training logits'] = logits(true);
  }
  disposeBatch(batch);
  model.dispose();
  return values;
}
