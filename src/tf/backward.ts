/**
 * The backward pass of a training step (`train/step.ts`): backpropagation that frees memory as it goes.
 *
 * tfjs's own (`variableGrads`) keeps every saved activation and every intermediate gradient until the end. This one
 * frees an op's saved tensors once its gradients are computed. It hands over each variable's gradient as soon as it is
 * complete, so that the optimizer can use it and free it. The algorithm is that of tfjs-core/src/tape.ts.
 */
import { autocast } from './autocast';
import { tf } from './load';

/** tfjs's record of an op that ran. */
interface TapeNode {
  kernelName: string;
  inputs: tf.NamedTensorMap;
  outputs: tf.Tensor[];
  saved: tf.Tensor[];
  gradient?: (dys: (tf.Tensor | undefined)[]) => Record<string, () => tf.Tensor>;
}

interface Engine {
  state: { activeTape: TapeNode[] | null; gradientDepth: number };
  startTape(): void;
  endTape(): void;
}

/** A forward pass, recorded for one backward pass. The caller disposes it. */
export class Recording {
  private constructor(
    /** The result of `f`. */
    readonly value: tf.Scalar,
    private readonly tape: TapeNode[],
  ) {}

  /** Runs `f` and disposes its intermediate tensors. Throws inside another recording or gradient. */
  static of(f: () => tf.Scalar): Recording {
    const engine = tf.engine() as unknown as Engine;
    if (engine.state.gradientDepth > 0) throw new Error('recordings do not nest');
    const endTape = () => {
      engine.endTape();
      const tape = engine.state.activeTape ?? [];
      engine.state.activeTape = null;
      return tape;
    };
    engine.startTape();
    try {
      const value = tf.tidy(f);
      return new Recording(value, endTape());
    } catch (error) {
      disposeSaved(endTape());
      throw error;
    }
  }

  /**
   * Calls `use` with each variable's gradient as soon as it is complete, from the last layer to the first. `use` runs
   * in float32, disposes the gradient and may change the variable.
   * Throws if `value` does not depend on one of the variables, or if an op has no gradient.
   */
  backward(
    variables: readonly tf.Variable[],
    use: (variable: tf.Variable, gradient: tf.Tensor) => void,
  ): void {
    const { tape, value } = this;
    const gradients = new Map<number, tf.Tensor>([[value.id, tf.scalar(1)]]);
    const dependent = dependents(tape, variables);
    // A gradient is complete once the backward pass has gone through the first op that used the variable.
    const firstUses = variables.map(({ id }) => tape.find((node) => uses(node, new Set([id]))));
    try {
      const unused = firstUses.indexOf(undefined);
      if (unused >= 0) throw new Error(`the loss does not depend on ${variables[unused].name}`);
      while (tape.length > 0) {
        const node = tape.pop()!;
        backThrough(node, dependent, gradients);
        disposeSaved([node]);
        for (const [i, variable] of variables.entries()) {
          if (firstUses[i] !== node) continue;
          const gradient = gradients.get(variable.id);
          if (!gradient) throw new Error(`the loss does not depend on ${variable.name}`);
          gradients.delete(variable.id);
          autocast('float32', () => use(variable, gradient));
        }
      }
    } finally {
      disposeSaved(tape.splice(0));
      for (const gradient of gradients.values()) gradient.dispose();
    }
  }

  /** Frees the result, and what was saved for the backward pass. */
  dispose(): void {
    disposeSaved(this.tape.splice(0));
    this.value.dispose();
  }
}

function disposeSaved(tape: TapeNode[]): void {
  for (const { saved } of tape) tf.dispose(saved);
}

function uses({ inputs }: TapeNode, ids: Set<number>): boolean {
  return Object.values(inputs).some(({ id }) => ids.has(id));
}

/** The ids of the variables and of the tensors that depend on them. */
function dependents(tape: TapeNode[], variables: readonly tf.Variable[]): Set<number> {
  const found = new Set(variables.map(({ id }) => id));
  for (const node of tape) {
    if (uses(node, found)) for (const { id } of node.outputs) found.add(id);
  }
  return found;
}

/** Adds the gradients of a node's inputs to `gradients` and removes those of its outputs. */
function backThrough(
  node: TapeNode,
  dependent: Set<number>,
  gradients: Map<number, tf.Tensor>,
): void {
  const dys = node.outputs.map(({ id }) => gradients.get(id));
  const wanted = Object.entries(node.inputs).filter(([, { id }]) => dependent.has(id));
  if (wanted.length === 0 || dys.every((dy) => dy === undefined)) return;
  if (!node.gradient) throw new Error(`${node.kernelName} has no gradient`);
  const dxs = tf.tidy(() => {
    const byName = node.gradient!(dys);
    // An op may return its output's gradient unchanged. That one is disposed below, so clone it.
    return wanted.map(([name]) => {
      const dx = byName[name]();
      return dys.includes(dx) ? dx.clone() : dx;
    });
  });
  for (const { id } of node.outputs) {
    gradients.get(id)?.dispose();
    gradients.delete(id);
  }
  wanted.forEach(([, { id }], i) => {
    const sum = gradients.get(id);
    gradients.set(id, sum ? sum.add(dxs[i]) : dxs[i]);
    if (sum) tf.dispose([sum, dxs[i]]);
  });
}
