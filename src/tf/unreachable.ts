/**
 * Frees the memory of models that nothing refers to any more.
 *
 * tfjs keeps every variable until it is disposed. In a notebook that does not happen: a cell that runs again assigns
 * a new model to the same name. So we watch the layers through weak references, and dispose their variables
 * when the layers have been collected.
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
  // Layers refer to each other, so a model's layers are all reachable or all unreachable.
  for (const layer of model.layers) {
    // A LayerVariable keeps its tf.Variable in a field that its type hides.
    const weights = layer.weights as unknown as { val: tf.Variable }[];
    const variables = weights.map(({ val }) => val);
    if (variables.length > 0) backend().tuning.owned.push({ layer: new WeakRef(layer), variables });
  }
}

/**
 * Disposes the variables of unreachable models. Call it before building a model. Collecting garbage takes time, so
 * nothing happens if all models together hold `threshold` bytes or less.
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
  // Empty tfjs's cache of execution orders: it refers to the layers of every model that ran.
  const flag = 'TOPOLOGICAL_SORT_CACHE_MAX_ENTRIES';
  const entries = tf.env().getNumber(flag);
  tf.env().set(flag, 0);
  tf.env().set(flag, entries);
  // A weak reference that was read keeps its target alive until the current job ends. For V8, this ends the job:
  // when a script returns whose context has its own microtask queue, V8 releases such targets.
  vm.runInNewContext('0', {}, { microtaskMode: 'afterEvaluate' });
  v8.setFlagsFromString('--expose-gc');
  vm.runInNewContext('gc')();
}
