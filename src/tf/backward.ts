/**
 * Backpropagation that lets go of what it has used.
 *
 * tfjs's own (`variableGrads`) holds on to every saved activation and every gradient in between until it is
 * done. Here an op's saved tensors are freed once its gradients are there, and a variable's gradient is handed
 * over as soon as it is complete, so that an optimizer can use it and free it: what the backward pass makes
 * takes the place of what the forward pass made. (The walk itself is tfjs's: tfjs-core/src/tape.ts.)
 */
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

/** A forward pass with what is needed to go back through it: call `backward` once, or else `dispose`. */
export class Recording {
  private constructor(
    /** What `f` returned; the caller disposes it. */
    readonly value: tf.Scalar,
    private readonly tape: TapeNode[],
  ) {}

  /** Runs `f`, whose intermediate tensors are disposed. Recordings do not nest. */
  static of(f: () => tf.Scalar): Recording {
    const engine = tf.engine() as unknown as Engine;
    if (engine.state.gradientDepth > 0) throw new Error('a gradient is being recorded already');
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
   * Hands over the gradient of `value` by each variable as soon as it is complete, from the last layer's to the
   * first's; whoever receives it disposes it. Throws when `value` does not depend on one of them.
   */
  backward(
    variables: readonly tf.Variable[],
    use: (variable: tf.Variable, gradient: tf.Tensor) => void,
  ): void {
    const { tape, value } = this;
    const gradients = new Map<number, tf.Tensor>([[value.id, tf.scalar(1)]]);
    const dependent = dependents(tape, variables);
    const complete = completions(tape, variables);
    try {
      const sources = sourcesOf(tape, value);
      const missing = variables.find(({ id }) => !sources.has(id));
      if (missing) throw new Error(`the loss does not depend on ${missing.name}`);
      while (tape.length > 0) {
        const node = tape.pop()!;
        backThrough(node, dependent, gradients);
        disposeSaved([node]);
        for (const variable of complete.get(node) ?? []) {
          const gradient = gradients.get(variable.id)!;
          gradients.delete(variable.id);
          use(variable, gradient);
        }
      }
    } finally {
      this.dispose();
      for (const gradient of gradients.values()) gradient.dispose();
    }
  }

  /** Frees what was saved for a backward pass. */
  dispose(): void {
    disposeSaved(this.tape.splice(0));
  }
}

function disposeSaved(tape: TapeNode[]): void {
  for (const { saved } of tape) tf.dispose(saved);
}

/** The ids of the tensors that `value` depends on. */
function sourcesOf(tape: TapeNode[], value: tf.Tensor): Set<number> {
  const found = new Set([value.id]);
  for (const { inputs, outputs } of [...tape].reverse()) {
    if (outputs.some(({ id }) => found.has(id))) {
      for (const { id } of Object.values(inputs)) found.add(id);
    }
  }
  return found;
}

/** The ids of the tensors that depend on the variables. */
function dependents(tape: TapeNode[], variables: readonly tf.Variable[]): Set<number> {
  const found = new Set(variables.map(({ id }) => id));
  for (const { inputs, outputs } of tape) {
    if (Object.values(inputs).some(({ id }) => found.has(id))) {
      for (const { id } of outputs) found.add(id);
    }
  }
  return found;
}

/** After which op, going back, the gradients of which variables are complete: the first op that uses them. */
function completions(
  tape: TapeNode[],
  variables: readonly tf.Variable[],
): Map<TapeNode, tf.Variable[]> {
  const complete = new Map<TapeNode, tf.Variable[]>();
  for (const variable of variables) {
    const first = tape.find(({ inputs }) =>
      Object.values(inputs).some(({ id }) => id === variable.id),
    );
    if (first) complete.set(first, [...(complete.get(first) ?? []), variable]);
  }
  return complete;
}

/** Adds the gradients of a node's inputs to `gradients`, and takes those of its outputs out. */
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
    // A clone where an op hands its own gradient through, which is disposed below.
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
