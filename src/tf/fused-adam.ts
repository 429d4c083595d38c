/** Adam and AdamW in one pass over each variable, by TensorFlow's ResourceApplyAdam. */
import { assignHandle } from './entries';
import type { tf } from './load';
import { attribute, DType, free, type Handle, handleOf, runOp, scalarHandle } from './native';
import { ResourceVariable } from './resource-variable';

const FLOAT = attribute.type('T', DType.float32);

/** TensorFlow's own variables behind one of tfjs's: the weights during a step, and the two moments. */
interface Slots {
  weights: ResourceVariable;
  first: ResourceVariable;
  second: ResourceVariable;
}

/** The numbers of one step. The bias correction is part of `rate` and `epsilon`. */
export interface AdamStep {
  /** The weights are multiplied by this first. */
  decay: number;
  rate: number;
  beta1: number;
  beta2: number;
  epsilon: number;
}

/** The moments of variables, by name, and their updates. `dispose` frees them. */
export class FusedAdam {
  private readonly slots = new Map<string, Slots>();
  private scalars: Handle[] = [];

  beginStep({ decay, rate, beta1, beta2, epsilon }: AdamStep): void {
    free(...this.scalars);
    // β₁ᵗ and β₂ᵗ are 0: TensorFlow would compute the bias correction in float32.
    this.scalars = [decay, 0, 0, rate, beta1, beta2, epsilon].map(scalarHandle);
  }

  /** Updates one variable in place. The caller disposes `gradient`. */
  stepVariable(variable: tf.Variable, gradient: tf.Tensor): void {
    const [decay, ...scalars] = this.scalars;
    if (decay === undefined) throw new Error('call beginStep before stepVariable');
    const { weights, first, second } = this.slotsOf(variable);
    const [decayed] = runOp('Mul', [FLOAT], [handleOf(variable), decay]);
    weights.assign(decayed);
    free(decayed);
    runOp(
      'ResourceApplyAdam',
      [FLOAT, attribute.bool('use_locking', false), attribute.bool('use_nesterov', false)],
      [weights.handle, first.handle, second.handle, ...scalars, handleOf(gradient)],
      0,
    );
    assignHandle(variable, weights.read());
  }

  /** The running means of each variable's gradient and of its square. The functions copy them to the host. */
  get moments(): Record<string, Moments> {
    const entries = [...this.slots].map(([name, { first, second }]): [string, Moments] => {
      const length = first.shape.reduce((a, b) => a * b, 1);
      return [name, { length, first: () => first.values(), second: () => second.values() }];
    });
    return Object.fromEntries(entries);
  }

  setMoments(variable: tf.Variable, moments: Moments): void {
    const { first, second } = this.slotsOf(variable);
    first.setValues(moments.first());
    second.setValues(moments.second());
  }

  dispose(): void {
    for (const { weights, first, second } of this.slots.values()) {
      for (const variable of [weights, first, second]) variable.dispose();
    }
    this.slots.clear();
    free(...this.scalars);
    this.scalars = [];
  }

  private slotsOf(variable: tf.Variable): Slots {
    let slots = this.slots.get(variable.name);
    if (!slots) {
      const [weights, first, second] = [1, 2, 3].map(() => new ResourceVariable(variable.shape));
      const [zeros] = runOp('ZerosLike', [FLOAT], [handleOf(variable)]);
      for (const moment of [first, second]) moment.assign(zeros);
      free(zeros);
      slots = { weights, first, second };
      this.slots.set(variable.name, slots);
    }
    return slots;
  }
}

export interface Moments {
  length: number;
  first(): Float32Array;
  second(): Float32Array;
}
