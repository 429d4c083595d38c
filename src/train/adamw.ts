import { check, nonNegativeNumber, positiveNumber } from '../checks';
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
  /** Decoupled: it shrinks the weights themselves and does not go through the gradient. */
  weightDecay?: number;
  beta1?: number;
  beta2?: number;
  epsilon?: number;
}

/** Fills in PyTorch's defaults. Throws InputError for values out of range. */
export function adamWSettings(options: AdamWOptions): Required<AdamWOptions> {
  const { learningRate = 1e-3, weightDecay = 0.01 } = options;
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 } = options;
  check(positiveNumber, learningRate, 'learningRate');
  check(nonNegativeNumber, weightDecay, 'weightDecay');
  return { learningRate, weightDecay, beta1, beta2, epsilon };
}

/** What a checkpoint keeps of an `AdamW`. */
export interface AdamWState {
  steps: number;
  /** By variable name. */
  moments: Record<string, Moments>;
}

/** The running means of a variable's gradient and of its square. The functions copy them to the host. */
export interface Moments {
  length: number;
  first(): Float32Array;
  second(): Float32Array;
}

/** TensorFlow's own variables behind one of tfjs's: the weights during a step, and the two moments. */
interface Slots {
  weights: ResourceVariable;
  first: ResourceVariable;
  second: ResourceVariable;
}

/**
 * AdamW (Loshchilov, Hutter 2019) with PyTorch's defaults; `adamw-plain.ts` spells the formula out. Each
 * variable takes a multiplication for the decay and one pass of TensorFlow's ResourceApplyAdam, in place.
 *
 * Two details make the numbers equal PyTorch's. TensorFlow adds ε before it corrects the second moment's bias,
 * PyTorch after: so it is given ε · √(1 − β₂ᵗ). And TensorFlow computes the bias correction in float32, where
 * 1 − β₂ᵗ is off by 1e-5 in the first steps: so it is given β₁ᵗ = β₂ᵗ = 0 and a corrected learning rate.
 */
export class AdamW {
  learningRate: number;
  /** Steps made so far: t. */
  steps = 0;
  private readonly settings: Required<AdamWOptions>;
  private readonly slots = new Map<string, Slots>();
  /** The arguments of ResourceApplyAdam for the step under way. */
  private scalars: Handle[] = [];
  private decay?: Handle;

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

  /** The same one variable at a time: call `beginStep` once, then `stepVariable` for each, in any order. */
  beginStep(): void {
    const { weightDecay, beta1, beta2, epsilon } = this.settings;
    this.steps++;
    // TensorFlow's β is a float32.
    const correction1 = 1 - Math.fround(beta1) ** this.steps;
    const root2 = Math.sqrt(1 - Math.fround(beta2) ** this.steps);
    const rate = (this.learningRate * root2) / correction1;
    this.freeScalars();
    this.decay = scalarHandle(1 - this.learningRate * weightDecay);
    this.scalars = [0, 0, rate, beta1, beta2, epsilon * root2].map(scalarHandle);
  }

  /** Updates one variable in place. The caller disposes `gradient`. */
  stepVariable(variable: tf.Variable, gradient: tf.Tensor): void {
    if (this.decay === undefined) throw new Error('call beginStep before stepVariable');
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

  /** Everything that later steps depend on. Read the moments before the next step. */
  get state(): AdamWState {
    const moments: AdamWState['moments'] = {};
    for (const [name, { first, second }] of this.slots) {
      const length = first.shape.reduce((a, b) => a * b, 1);
      moments[name] = { length, first: () => first.values(), second: () => second.values() };
    }
    return { steps: this.steps, moments };
  }

  /** Continues from `state`. Throws InputError, and changes nothing, if it does not fit `variables`. */
  loadState(state: AdamWState, variables: tf.Variable[]): void {
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
