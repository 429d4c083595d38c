import { describe, infoOf } from '../model/index';
import { freeWhenUnreachable, tf } from '../tf/index';

/**
 * `model` without the softmax at its end, if it has one: it then returns logits, as the loss and all predictions of this
 * project expect. Takes over `model`'s layers.
 */
export function withoutSoftmax(model: tf.LayersModel): tf.LayersModel {
  const last = model.layers.at(-1)!;
  const { activation } = last.getConfig();
  const kind = last.getClassName();
  let outputs: tf.SymbolicTensor;
  if (kind === 'Softmax' || (kind === 'Activation' && activation === 'softmax')) {
    outputs = last.getInputAt(0) as tf.SymbolicTensor;
  } else if (kind === 'Dense' && activation === 'softmax') {
    const { units, useBias } = last.getConfig() as { units: number; useBias: boolean };
    const dense = tf.layers.dense({ name: last.name, units, useBias });
    outputs = dense.apply(last.getInputAt(0)) as tf.SymbolicTensor;
    dense.setWeights(last.getWeights());
    last.dispose();
  } else {
    return model;
  }
  const result = tf.model({ inputs: model.inputs, outputs, name: model.name });
  freeWhenUnreachable(result);
  describe(result, infoOf(model));
  return result;
}
