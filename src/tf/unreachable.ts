/**
 * Gives back the memory of models that nothing refers to any more.
 *
 * tfjs keeps every variable until someone disposes it. In a notebook nobody does: a cell that runs again assigns
 * a new model to the same name. So we watch the layers through weak references, and dispose their variables
 * when the layers are gone.
 */
import v8 from 'node:v8';
import vm from 'node:vm';
import { tf } from './load';
import { backend } from './native';

/**
 * Lets `freeUnreachable` dispose the variables of `model` when nothing refers to it, or to another model with
 * the same layers. To use a weight after its model is gone, clone it.
 */
export function freeWhenUnreachable(model: tf.LayersModel): void {
  // Layers refer to each other, so either all of a model's layers are reachable or none.
  for (const layer of model.layers) {
    // A LayerVariable keeps its tf.Variable in a field that its type hides.
    const weights = layer.weights as unknown as { val: tf.Variable }[];
    const variables = weights.map(({ val }) => val);
    if (variables.length > 0) backend().tuning.owned.push({ layer: new WeakRef(layer), variables });
  }
}

/**
 * Disposes the variables of unreachable models. Call it before building a model.
 * Collecting garbage takes time, so nothing happens while all these models together hold `threshold` bytes or less.
 */
export function freeUnreachable(threshold = 100e6): void {
  const { tuning } = backend();
  const { registeredVariables } = tf.engine().state;
  const isAlive = (variable: tf.Variable) => registeredVariables[variable.name] === variable;
  tuning.owned = tuning.owned.filter(({ variables }) => variables.some(isAlive));
  const alive = tuning.owned.flatMap(({ variables }) => variables.filter(isAlive));
  if (alive.reduce((bytes, { size }) => bytes + 4 * size, 0) <= threshold) return;
  collectGarbage();
  tuning.owned = tuning.owned.filter(({ layer, variables }) => {
    if (layer.deref()) return true;
    tf.dispose(variables.filter(isAlive));
    return false;
  });
}

function collectGarbage(): void {
  // tfjs's cache of execution orders refers to the layers of every model that ran: empty it.
  const flag = 'TOPOLOGICAL_SORT_CACHE_MAX_ENTRIES';
  const entries = tf.env().getNumber(flag);
  tf.env().set(flag, 0);
  tf.env().set(flag, entries);
  // A weak reference keeps its target alive until the current job ends. This ends it as far as V8 is concerned:
  // a context with a microtask queue of its own forgets such targets when its script returns.
  vm.runInNewContext('0', {}, { microtaskMode: 'afterEvaluate' });
  v8.setFlagsFromString('--expose-gc');
  vm.runInNewContext('gc')();
}
