import { tf } from '../tf/index';
import { type AdamWOptions, adamWSettings } from './adamw';

/**
 * AdamW (Loshchilov, Hutter 2019), exactly as PyTorch's `torch.optim.AdamW` with its defaults:
 *
 *     w ← w · (1 − lr · decay)
 *     m ← β₁ m + (1 − β₁) g          v ← β₂ v + (1 − β₂) g²
 *     w ← w − lr · (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε)
 *
 * This version is for reading and for testing `AdamW`, which training uses: this one makes a dozen passes over the
 * weights, `AdamW` one.
 */
export class PlainAdamW {
  /** Steps so far: t in the formula. */
  steps = 0;
  private readonly settings: Required<AdamWOptions>;
  private readonly moments = new Map<string, { first: tf.Variable; second: tf.Variable }>();

  constructor(options: AdamWOptions = {}) {
    this.settings = adamWSettings(options);
  }

  /** Updates `variables` in place. `gradients` are by variable name; the caller disposes them. */
  step(variables: tf.Variable[], gradients: tf.NamedTensorMap): void {
    const { learningRate, weightDecay, beta1, beta2, epsilon } = this.settings;
    this.steps++;
    const correction1 = 1 - beta1 ** this.steps;
    const correction2 = 1 - beta2 ** this.steps;
    for (const variable of variables) {
      const gradient = gradients[variable.name];
      if (!gradient) throw new Error(`no gradient for ${variable.name}`);
      const { first, second } = this.momentsOf(variable);
      tf.tidy(() => {
        first.assign(first.mul(beta1).add(gradient.mul(1 - beta1)));
        second.assign(second.mul(beta2).add(gradient.square().mul(1 - beta2)));
        const denominator = second.div(correction2).sqrt().add(epsilon);
        const change = first.mul(learningRate / correction1).div(denominator);
        variable.assign(variable.mul(1 - learningRate * weightDecay).sub(change));
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
