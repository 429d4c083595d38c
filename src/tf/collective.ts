/**
 * TensorFlow's collective ops, for several processes that compute together: the engine of its
 * MultiWorkerMirroredStrategy. On CPUs it passes data around a ring over gRPC, on GPUs it uses NCCL.
 *
 * The functions of a tensor return at once. The ops run one after the other on a thread of their own, and what uses a
 * result waits for it. So all processes must call them in the same order. If a process of the cluster ends or freezes,
 * these and all later calls throw.
 */
import { handleOf, tensorOf } from './entries';
import type { tf } from './load';
import {
  attribute,
  backend,
  castHandle,
  DType,
  free,
  type Handle,
  type OpAttribute,
} from './native';

export interface Cluster {
  readonly size: number;
  /** The number of the next op, the same in all processes. */
  next: number;
}

/**
 * Joins a cluster, and waits for the other processes. There must be no tensors yet. If this throws, the process can
 * only end.
 *
 * @param config a serialised `ConfigProto`
 * @param serverDef a serialised `ServerDef`
 */
export function joinCluster(
  config: Uint8Array,
  serverDef: Uint8Array,
  size: number,
  timeoutMs: number,
): Cluster {
  const { binding } = backend();
  binding.configure(config);
  binding.enableCollectiveOps(serverDef, timeoutMs);
  return { size, next: 1 };
}

/**
 * The sum of float32 `x` over all processes. Its bits are the same in all of them. The caller disposes both. With
 * `dtype`, the values are rounded to that type before they travel, and so are the partial sums.
 */
export function collectiveSum(
  cluster: Cluster,
  x: tf.Tensor,
  dtype: number = DType.float32,
): tf.Tensor {
  const isLow = dtype !== DType.float32;
  const value = isLow ? castHandle(handleOf(x), DType.float32, dtype) : handleOf(x);
  const attributes = [
    attribute.type('T', dtype),
    attribute.string('merge_op', 'Add'),
    attribute.string('final_op', 'Id'),
    attribute.int('Nordering_token', 0),
  ];
  const sum = run(cluster, 'CollectiveReduceV2', attributes, [value]);
  if (!isLow) return tensorOf(sum, x.shape, DType.float32);
  const types = [
    attribute.type('SrcT', dtype),
    attribute.type('DstT', DType.float32),
    attribute.bool('Truncate', false),
  ];
  const [{ id }] = backend().binding.executeOp('Cast', types, [sum], 1, true);
  free(value, sum);
  return tensorOf(id, x.shape, DType.float32);
}

/** Sends float32 `values` to all other processes. */
export function sendToAll(cluster: Cluster, values: Float32Array): void {
  const { binding } = backend();
  const value = binding.createTensor([values.length], DType.float32, values);
  const sent = run(cluster, 'CollectiveBcastSendV2', [FLOAT], [value]);
  binding.tensorDataSync(sent); // waits
  free(value, sent);
}

/** Receives what another process sends with `sendToAll`. */
export function receive(cluster: Cluster, length: number): Float32Array {
  const { binding } = backend();
  const shape = binding.createTensor([1], DType.int32, Int32Array.of(length));
  const types = [FLOAT, attribute.type('Tshape', DType.int32)];
  const received = run(cluster, 'CollectiveBcastRecvV2', types, [], [shape]);
  const values = binding.tensorDataSync(received);
  free(shape, received);
  return values;
}

const FLOAT = attribute.type('T', DType.float32);

/** Starts an op. The inputs `after` follow those that say which op it is. Returns a handle that the caller owns. */
function run(
  cluster: Cluster,
  name: string,
  attributes: OpAttribute[],
  before: Handle[],
  after: Handle[] = [],
): Handle {
  const { binding, isUsingGpuDevice } = backend();
  const groupKey = 1;
  const scalars = [cluster.size, groupKey, cluster.next++].map((value) =>
    binding.createTensor([], DType.int32, Int32Array.of(value)),
  );
  const all = [
    ...attributes,
    attribute.string('communication_hint', isUsingGpuDevice ? 'auto' : 'ring'),
    attribute.float('timeout_seconds', 0), // the heartbeat notices a process that is silent
  ];
  const [{ id }] = binding.executeOp(name, all, [...before, ...scalars, ...after], 1, true);
  free(...scalars);
  return id;
}
