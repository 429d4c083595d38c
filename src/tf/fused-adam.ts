/** AdamW in one pass over each variable: our own op on a CPU (adamw.h), TensorFlow's ResourceApplyAdam on a GPU. */
import os from 'node:os';
import { assignHandle, entryOf, handleAs, handleOf } from './entries';
import type { tf } from './load';
import { attribute, backend, DType, free, runOp } from './native';
import { ResourceVariable } from './resource-variable';

const FLOAT = attribute.type('T', DType.float32);

/** The numbers of one step. `rate` and `epsilon` include the bias correction. */
interface AdamStep {
  /** Multiplies the weights before the update. */
  decay: number;
  rate: number;
  beta1: number;
  beta2: number;
  epsilon: number;
}

/** Of one variable. */
type Slots = [first: ResourceVariable, second: ResourceVariable];

/** The optimizer's state, by variable name, and its steps. The caller disposes it. */
export class FusedAdam {
  private readonly slots = new Map<string, Slots>();
  private numbers: AdamStep | undefined;

  beginStep(numbers: AdamStep): void {
    this.numbers = numbers;
  }

  /** Updates one variable in place. The caller disposes `gradient`. */
  stepVariable(variable: tf.Variable, gradient: tf.Tensor): void {
    if (!this.numbers) throw new Error('call beginStep before stepVariable');
    const step = backend().isUsingGpuDevice ? stepOnGpu : stepOnCpu;
    step(variable, gradient, this.slotsOf(variable), this.numbers);
  }

  /** The running means of each variable's gradient and of its square. */
  get moments(): Record<string, Moments> {
    const entries = [...this.slots].map(([name, [first, second]]): [string, Moments] => {
      const length = first.shape.reduce((a, b) => a * b, 1);
      return [name, { length, first: () => first.values(), second: () => second.values() }];
    });
    return Object.fromEntries(entries);
  }

  setMoments(variable: tf.Variable, moments: Moments): void {
    const [first, second] = this.slotsOf(variable);
    first.setValues(moments.first());
    second.setValues(moments.second());
  }

  dispose(): void {
    for (const moment of [...this.slots.values()].flat()) moment.dispose();
    this.slots.clear();
    this.numbers = undefined;
  }

  private slotsOf(variable: tf.Variable): Slots {
    let slots = this.slots.get(variable.name);
    if (!slots) {
      slots = [zerosLike(variable), zerosLike(variable)];
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

function zerosLike(variable: tf.Variable): ResourceVariable {
  const moment = new ResourceVariable(variable.shape);
  const [zeros] = runOp('ZerosLike', [FLOAT], [handleOf(variable)]);
  moment.assign(zeros);
  free(zeros);
  return moment;
}

/** Takes a bfloat16 gradient as it is, and updates the bfloat16 copy of the weights if there is one. */
function stepOnCpu(variable: tf.Variable, gradient: tf.Tensor, slots: Slots, n: AdamStep): void {
  if (entryOf(variable).refCount > 1) {
    assignHandle(variable, runOp('Identity', [FLOAT], [handleOf(variable)])[0]); // clones keep the old weights
  }
  const { bornLow, lowType } = entryOf(gradient);
  const isBfloat16 = bornLow && lowType === DType.bfloat16;
  const moments = slots.map((moment) => moment.read()); // share the variable's memory, which the op changes
  const handles = [
    handleOf(variable),
    ...moments,
    handleAs(gradient, isBfloat16 ? DType.bfloat16 : DType.float32),
  ];
  if (entryOf(variable).low !== undefined) handles.push(handleAs(variable, DType.bfloat16));
  backend().binding.adamWStep(
    handles,
    [n.decay, n.rate, n.beta1, n.beta2, n.epsilon],
    Number(process.env.TF_NUM_INTRAOP_THREADS) || os.availableParallelism(),
  );
  free(...moments);
}

function stepOnGpu(variable: tf.Variable, gradient: tf.Tensor, slots: Slots, n: AdamStep): void {
  // β₁ᵗ and β₂ᵗ are 0: TensorFlow would compute the bias correction in float32.
  const scalars = [n.decay, 0, 0, n.rate, n.beta1, n.beta2, n.epsilon].map((value) =>
    backend().binding.createTensor([], DType.float32, new Float32Array([value])),
  );
  const [decay, ...others] = scalars;
  const weights = new ResourceVariable(variable.shape);
  const [decayed] = runOp('Mul', [FLOAT], [handleOf(variable), decay]);
  weights.assign(decayed);
  free(decayed); // now only `weights` has this memory, so that the op changes it in place
  runOp(
    'ResourceApplyAdam',
    [FLOAT, attribute.bool('use_locking', false), attribute.bool('use_nesterov', false)],
    [weights.handle, ...slots.map(({ handle }) => handle), ...others, handleOf(gradient)],
    0,
  );
  assignHandle(variable, weights.read());
  weights.dispose();
  free(...scalars);
}
