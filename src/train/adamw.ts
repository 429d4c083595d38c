import { InputError } from '../errors';
import { tf } from '../tf';

export interface AdamWOptions {
  learningRate?: number;
  /** Decoupled: taken from the weights themselves, not through the gradient. */
  weightDecay?: number;
  beta1?: number;
  beta2?: number;
  epsilon?: number;
}

/**
 * AdamW (Loshchilov, Hutter 2019), to the letter of PyTorch's `torch.optim.AdamW` and its defaults:
 *
 *     w ← w · (1 − lr · decay)
 *     m ← β₁ m + (1 − β₁) g          v ← β₂ v + (1 − β₂) g²
 *     w ← w − lr · (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε)
 *
 * Moments are kept by variable name. `dispose` frees them.
 */
export class AdamW {
  learningRate: number;
  /** Updates made so far: t. */
  steps = 0;
  private readonly weightDecay: number;
  private readonly beta1: number;
  private readonly beta2: number;
  private readonly epsilon: number;
  private readonly moments = new Map<string, { first: tf.Variable; second: tf.Variable }>();

  constructor(options: AdamWOptions = {}) {
    const { learningRate = 1e-3, weightDecay = 0.01 } = options;
    const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 } = options;
    if (!(learningRate > 0))
      throw new InputError(`learning rate is ${learningRate}, want more than 0`);
    if (!(weightDecay >= 0)) throw new InputError(`weight decay is ${weightDecay}, want 0 or more`);
    this.learningRate = learningRate;
    this.weightDecay = weightDecay;
    this.beta1 = beta1;
    this.beta2 = beta2;
    this.epsilon = epsilon;
  }

  /** Updates `variables` in place. `gradients` has one for each, by name; the caller keeps them. */
  step(variables: tf.Variable[], gradients: tf.NamedTensorMap): void {
    this.steps++;
    const correction1 = 1 - this.beta1 ** this.steps;
    const correction2 = 1 - this.beta2 ** this.steps;
    for (const variable of variables) {
      const gradient = gradients[variable.name];
      if (!gradient) throw new Error(`no gradient for ${variable.name}`);
      const { first, second } = this.momentsOf(variable);
      tf.tidy(() => {
        first.assign(first.mul(this.beta1).add(gradient.mul(1 - this.beta1)));
        second.assign(second.mul(this.beta2).add(gradient.square().mul(1 - this.beta2)));
        const denominator = second.div(correction2).sqrt().add(this.epsilon);
        const update = first.mul(this.learningRate / correction1).div(denominator);
        variable.assign(variable.mul(1 - this.learningRate * this.weightDecay).sub(update));
      });
    }
  }

  dispose(): void {
    for (const { first, second } of this.moments.values()) tf.dispose([first, second]);
    this.moments.clear();
  }

  private momentsOf(variable: tf.Variable): { first: tf.Variable; second: tf.Variable } {
    let moments = this.moments.get(variable.name);
    if (!moments) {
      moments = tf.tidy(() => ({
        first: tf.variable(tf.zerosLike(variable), false),
        second: tf.variable(tf.zerosLike(variable), false),
      }));
      this.moments.set(variable.name, moments);
    }
    return moments;
  }
}
