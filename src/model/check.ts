import { InputError, kindOf } from '../errors';
import { tf } from '../tf/index';

/** Throws InputError unless `model` is a layers model whose weights have not been disposed. */
export function checkModel(model: tf.LayersModel): void {
  if (!(model instanceof tf.LayersModel)) {
    throw new InputError(`the model is ${kindOf(model)}, want a layers model`);
  }
  const values = model.weights.map((weight) => (weight as unknown as { val: tf.Variable }).val);
  if (values.some(({ isDisposed }) => isDisposed))
    throw new InputError('the model has been disposed');
}
