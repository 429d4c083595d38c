/** Adam and AdamW in one pass over each variable, by TensorFlow's ResourceApplyAdam. */
import { assignHandle, handleOf } from './entries';
import type { tf } from './load';
import { attribute, backend, DType, free, type Handle, runOp } from './native';
import { ResourceVariable } from './resource-variable';

const FLOAT = attribute.type('T', DType.float32);

/** TensorFlow's variables for one of tfjs's: its weights during a step, and its two moments. */
type Slots = [weights: ResourceVariable, first: ResourceVariable, second: ResourceVariable];

/** The numbers of one step. `rate` and `epsilon` include the bias correction. */
interface AdamStep {
  /** Multiplies the weights before the update. */
  decay: number;
  rate: number;
  beta1: number;
  beta2: number;
  epsilon: number;
}

/** The optimizer's state, by variable name, and its steps. The caller disposes it. */
export class FusedAdam {
  private readonly slots = new Map<string, Slots>();
  private scalars: Handle[] = [];

  beginStep({ decay, rate, beta1, beta2, epsilon }: AdamStep): void {
    free(...this.scalars);
    // β₁ᵗ and β₂ᵗ are 0: TensorFlow would compute the bias correction in float32.
    this.scalars = [decay, 0, 0, rate, beta1, beta2, epsilon].map((value) =>
      backend().binding.createTensor([], DType.float32, new Float32Array([value])),
    );
  }

  /** Updates one variable in place. The caller disposes `gradient`. */
  stepVariable(variable: tf.Variable, gradient: tf.Tensor): void {
    const [decay, ...scalars] = this.scalars;
    if (decay === undefined) throw new Error('call beginStep before stepVariable');
    const [weights, first, second] = this.slotsOf(variable);
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

  /** The running means of each variable's gradient and of its square. */
  get moments(): Record<string, Moments> {
    const entries = [...this.slots].map(([name, [, first, second]]): [string, Moments] => {
      const length = first.shape.reduce((a, b) => a * b, 1);
      return [name, { length, first: () => first.values(), second: () => second.values() }];
    });
    return Object.fromEntries(entries);
  }

  setMoments(variable: tf.Variable, moments: Moments): void {
    const [, first, second] = this.slotsOf(variable);
    first.setValues(moments.first());
    second.setValues(moments.second());
  }

  dispose(): void {
    for (const variable of [...this.slots.values()].flat()) variable.dispose();
    this.slots.clear();
    free(...this.scalars);
    this.scalars = [];
  }

  private slotsOf(variable: tf.Variable): Slots {
    let slots = this.slots.get(variable.name);
    if (!slots) {
      slots = [0, 1, 2].map(() => new ResourceVariable(variable.shape)) as Slots;
      const [zeros] = runOp('ZerosLike', [FLOAT], [handleOf(variable)]);
      for (const moment of slots.slice(1)) moment.assign(zeros);
      free(zeros);
      this.slots.set(variable.name, slots);
    }
    return slots;
  }
}

/** The two moments of a variable. The functions copy them from TensorFlow. */
export interface Moments {
  length: number;
  first(): Float32Array;
  second(): Float32Array;
}
