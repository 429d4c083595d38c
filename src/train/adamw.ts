import { InputError } from '../errors';
import {
  assignHandle,
  attribute,
  DType,
  free,
  type Handle,
  handleOf,
  ResourceVariable,
  runOp,
  scalarHandle,
  type tf,
} from '../tf/index';

export interface AdamWOptions {
  learningRate?: number;
  /** Decoupled: taken from the weights themselves, not through the gradient. */
  weightDecay?: number;
  beta1?: number;
  beta2?: number;
  epsilon?: number;
}

/** The options with PyTorch's defaults filled in. Throws InputError for values out of range. */
export function adamWSettings(options: AdamWOptions): Required<AdamWOptions> {
  const { learningRate = 1e-3, weightDecay = 0.01 } = options;
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 } = options;
  if (!(learningRate > 0))
    throw new InputError(`learning rate is ${learningRate}, want more than 0`);
  if (!(weightDecay >= 0)) throw new InputError(`weight decay is ${weightDecay}, want 0 or more`);
  return { learningRate, weightDecay, beta1, beta2, epsilon };
}

/** What an `AdamW` has to remember between two processes. */
export interface AdamWState {
  steps: number;
  /** By variable name. */
  moments: Record<string, Moments>;
}

/** The running means of a variable's gradient and of its square: copies on the host, made when asked for. */
export interface Moments {
  length: number;
  first(): Float32Array;
  second(): Float32Array;
}

/** TensorFlow's variables for one of tfjs's: its weights while they are updated, and its two moments. */
interface Slots {
  weights: ResourceVariable;
  first: ResourceVariable;
  second: ResourceVariable;
}

/**
 * AdamW (Loshchilov, Hutter 2019) as PyTorch's `torch.optim.AdamW`, with its defaults; the formula stands
 * in `adamw-plain.ts`. Each variable is updated in one pass, in place, by TensorFlow's ResourceApplyAdam,
 * after a multiplication for the decay.
 *
 * TensorFlow adds epsilon before the second moment's bias is corrected and PyTorch after it, so it is
 * given ε · √(1 − β₂ᵗ). And TensorFlow corrects the bias in float32, where 1 − β₂ᵗ is off by 1e-5 in the first
 * steps: so it gets β₁ᵗ = β₂ᵗ = 0, and a learning rate that holds the correction. Moments are kept by variable
 * name. `dispose` frees them.
 */
export class AdamW {
  learningRate: number;
  /** Updates made so far: t. */
  steps = 0;
  private readonly settings: Required<AdamWOptions>;
  private readonly slots = new Map<string, Slots>();
  /** The numbers of the step that is under way, as ResourceApplyAdam takes them. */
  private scalars: Handle[] = [];
  private decay?: Handle;

  constructor(options: AdamWOptions = {}) {
    this.settings = adamWSettings(options);
    this.learningRate = this.settings.learningRate;
  }

  /** Updates `variables` in place. `gradients` has one for each, by name; the caller keeps them. */
  step(variables: tf.Variable[], gradients: tf.NamedTensorMap): void {
    const absent = variables.find(({ name }) => !gradients[name]);
    if (absent) throw new Error(`no gradient for ${absent.name}`);
    this.beginStep();
    for (const variable of variables) this.update(variable, gradients[variable.name]);
  }

  /** The same a variable at a time: once `beginStep`, then `update` for each, in any order. */
  beginStep(): void {
    const { weightDecay, beta1, beta2, epsilon } = this.settings;
    this.steps++;
    // The moments are averages by TensorFlow's β, which is a float32.
    const correction1 = 1 - Math.fround(beta1) ** this.steps;
    const root2 = Math.sqrt(1 - Math.fround(beta2) ** this.steps);
    const rate = (this.learningRate * root2) / correction1;
    this.freeScalars();
    this.decay = scalarHandle(1 - this.learningRate * weightDecay);
    this.scalars = [0, 0, rate, beta1, beta2, epsilon * root2].map(scalarHandle);
  }

  /** Updates one variable in place, as part of the step that `beginStep` began. The caller keeps `gradient`. */
  update(variable: tf.Variable, gradient: tf.Tensor): void {
    if (this.decay === undefined) throw new Error('beginStep comes before update');
    const { weights, first, second } = this.slotsOf(variable);
    const [decayed] = runOp('Mul', [FLOAT], [handleOf(variable), this.decay]);
    weights.assign(decayed);
    free(decayed);
    runOp(
      'ResourceApplyAdam',
      [FLOAT, attribute.bool('use_locking', false), attribute.bool('use_nesterov', false)],
      [weights.handle, first.handle, second.handle, ...this.scalars, handleOf(gradient)],
      0,
    );
    assignHandle(variable, weights.read());
  }

  /** Everything that the next update depends on. Ask for the moments before the next update. */
  get state(): AdamWState {
    const moments: AdamWState['moments'] = {};
    for (const [name, { first, second }] of this.slots) {
      const length = first.shape.reduce((a, b) => a * b, 1);
      moments[name] = { length, first: () => first.values(), second: () => second.values() };
    }
    return { steps: this.steps, moments };
  }

  /** Goes on from a state. Throws InputError when it does not fit `variables`, and then changes nothing. */
  restore(state: AdamWState, variables: tf.Variable[]): void {
    if (state.steps === 0) {
      this.dispose();
      this.steps = 0;
      return;
    }
    for (const { name, size } of variables) {
      const length = state.moments[name]?.length ?? 0;
      if (length !== size) {
        throw new InputError(`the moments of ${name} have ${length} values, want ${size}`);
      }
    }
    this.steps = state.steps;
    for (const variable of variables) {
      const { first, second } = this.slotsOf(variable);
      first.setValues(state.moments[variable.name].first());
      second.setValues(state.moments[variable.name].second());
    }
  }

  dispose(): void {
    for (const { weights, first, second } of this.slots.values()) {
      for (const variable of [weights, first, second]) variable.dispose();
    }
    this.slots.clear();
    this.freeScalars();
  }

  private freeScalars(): void {
    free(...this.scalars, ...(this.decay === undefined ? [] : [this.decay]));
    this.scalars = [];
    this.decay = undefined;
  }

  private slotsOf(variable: tf.Variable): Slots {
    let slots = this.slots.get(variable.name);
    if (!slots) {
      const [weights, first, second] = Array.from(
        { length: 3 },
        () => new ResourceVariable(variable.shape),
      );
      for (const moment of [first, second]) {
        const [zeros] = runOp('ZerosLike', [FLOAT], [handleOf(variable)]);
        moment.assign(zeros);
        free(zeros);
      }
      slots = { weights, first, second };
      this.slots.set(variable.name, slots);
    }
    return slots;
  }
}

const FLOAT = attribute.type('T', DType.float32);
