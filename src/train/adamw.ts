import { InputError } from '../errors';
import { withDefaults } from '../settings';
import { FusedAdam, type Moments, type tf } from '../tf/index';
import { TRAIN_SETTINGS } from './settings';

export interface AdamWOptions {
  learningRate?: number;
  /** Decoupled: shrinks the weights directly instead of adding to the gradient. */
  weightDecay?: number;
  beta1?: number;
  beta2?: number;
  epsilon?: number;
}

/** Fills in PyTorch's defaults. Throws InputError for values out of range. */
export function adamWSettings(options: AdamWOptions): Required<AdamWOptions> {
  const { learningRate, weightDecay } = TRAIN_SETTINGS;
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 } = options;
  return { ...withDefaults({ learningRate, weightDecay }, options), beta1, beta2, epsilon };
}

/** The state of an `AdamW` in a checkpoint. */
export interface AdamWState {
  steps: number;
  /** By variable name. */
  moments: Record<string, Moments>;
}

/**
 * AdamW (Loshchilov, Hutter 2019) with PyTorch's defaults, in a single pass over each variable. For the formula see
 * `adamw-plain.ts`. The caller disposes it.
 */
export class AdamW {
  learningRate: number;
  /** Steps so far: t in the formula. */
  steps = 0;
  private readonly settings: Required<AdamWOptions>;
  private readonly adam = new FusedAdam();

  constructor(options: AdamWOptions = {}) {
    this.settings = adamWSettings(options);
    this.learningRate = this.settings.learningRate;
  }

  /** Updates `variables` in place. `gradients` are by variable name; the caller disposes them. */
  step(variables: tf.Variable[], gradients: tf.NamedTensorMap): void {
    const absent = variables.find(({ name }) => !gradients[name]);
    if (absent) throw new Error(`no gradient for ${absent.name}`);
    this.beginStep();
    for (const variable of variables) this.stepVariable(variable, gradients[variable.name]);
  }

  /** A step one variable at a time: call `beginStep` once, then `stepVariable` for each variable in any order. */
  beginStep(): void {
    const { weightDecay, beta1, beta2, epsilon } = this.settings;
    this.steps++;
    // Bias correction in float64. β is rounded to float32, as TensorFlow rounds it for the moments.
    const correction1 = 1 - Math.fround(beta1) ** this.steps;
    const root2 = Math.sqrt(1 - Math.fround(beta2) ** this.steps);
    this.adam.beginStep({
      decay: 1 - this.learningRate * weightDecay,
      rate: (this.learningRate * root2) / correction1,
      beta1,
      beta2,
      epsilon: epsilon * root2, // TensorFlow adds ε before correcting the second moment, PyTorch after
    });
  }

  /** Updates one variable in place. The caller disposes `gradient`. */
  stepVariable(variable: tf.Variable, gradient: tf.Tensor): void {
    this.adam.stepVariable(variable, gradient);
  }

  /** Everything that later steps depend on. Read the moments before the next step. */
  get state(): AdamWState {
    return { steps: this.steps, moments: this.adam.moments };
  }

  /** Continues from `state`. If it does not fit `variables`, throws InputError and changes nothing. */
  loadState({ steps, moments }: AdamWState, variables: tf.Variable[]): void {
    for (const { name, size } of steps > 0 ? variables : []) {
      const length = moments[name]?.length ?? 0;
      if (length !== size) {
        throw new InputError(`the moments of ${name} have ${length} values, want ${size}`);
      }
    }
    this.steps = steps;
    if (steps === 0) this.adam.dispose();
    else for (const variable of variables) this.adam.setMoments(variable, moments[variable.name]);
  }

  dispose(): void {
    this.adam.dispose();
  }
}
