import { tf } from '../tf/index';
import type { ResponseNorm } from './layers';

/**
 * Local response normalisation: divides each value by (k + α Σ a²)^β, where the sum is over neighbouring channels at the
 * same place. Krizhevsky, Sutskever, Hinton: ImageNet Classification with Deep Convolutional Neural Networks, 2012,
 * section 3.3. (PyTorch's LocalResponseNorm divides its α by `size`.)
 */
export class LocalResponseNorm extends tf.layers.Layer {
  static className = 'LocalResponseNorm';
  private readonly how: ResponseNorm;

  constructor(config: ResponseNorm & { name?: string }) {
    super(config as unknown as ConstructorParameters<typeof tf.layers.Layer>[0]);
    const { size, k, alpha, beta } = config;
    this.how = { size, k, alpha, beta };
  }

  override computeOutputShape(inputShape: tf.Shape): tf.Shape {
    return inputShape;
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const x = (Array.isArray(inputs) ? inputs[0] : inputs) as tf.Tensor4D;
    const { size, k, alpha, beta } = this.how;
    return tf.localResponseNormalization(x, (size - 1) / 2, k, alpha, beta);
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), ...this.how };
  }
}

tf.serialization.registerClass(LocalResponseNorm);
