/** The workers of a training as TensorFlow's collective ops connect them. */
import { setTimeout } from 'node:timers/promises';
import { InputError, messageOf } from '../errors';
import { agree, type Group } from '../runs/index';
import {
  backend,
  type Cluster,
  collectiveSum,
  DType,
  joinCluster,
  receive,
  sendToAll,
  tf,
} from '../tf/index';
import { hostOf } from './addresses';
import { codeSha256 } from './code';
import { meet } from './meet';
import { clusterMessages } from './messages';

export const GRADIENT_PRECISIONS = ['float32', 'bfloat16'] as const;
export type GradientPrecision = (typeof GRADIENT_PRECISIONS)[number];

export interface GroupOptions {
  /** This process, from 0. */
  index: number;
  /** `host:port` of all workers. */
  addresses: readonly string[];
  /** The type in which gradients travel. */
  gradientPrecision?: GradientPrecision;
  /** How long to wait for the other workers at the start. */
  waitSeconds?: number;
  /** The version of the code, which must be the same on all workers. */
  code?: string;
}

/** How long to wait for the other workers by default. */
export const WAIT_SECONDS = 120;
/** How long workers that answer may take to come together. */
const JOIN_MS = 60_000;
/** A worker that is silent for this long is lost. */
const HEARTBEAT_SECONDS = 5;
/** How long a text that exists may take to arrive. */
const TEXT_MS = 10_000;
/** How long the workers wait for each other at the end: worker 0 may still write the model. */
const END_MS = 3_600_000;
const LINGER_MS = 1000;
/** The exit code of a worker that ends because of another one. */
export const LOST_EXIT = 75;

/** Another worker has ended or does not answer. */
class WorkerLostError extends InputError {
  override name = 'WorkerLostError';
  override readonly exitCode = LOST_EXIT;
}

/**
 * Joins the other workers, and waits for them. TensorFlow keeps one such group per process, and there must be no
 * tensors yet. Throws InputError if one of them does not come in time.
 */
export async function joinGroup(options: GroupOptions): Promise<TensorFlowGroup> {
  const { index, addresses, gradientPrecision = 'float32' } = options;
  const { waitSeconds = WAIT_SECONDS, code = codeSha256() } = options;
  await meet(index, addresses, waitSeconds);
  const { config, serverDef } = clusterMessages(index, addresses, 1000 * HEARTBEAT_SECONDS);
  let cluster: Cluster;
  try {
    cluster = joinCluster(config, serverDef, addresses.length, JOIN_MS);
  } catch (error) {
    throw new InputError(
      `the workers at ${addresses.join(', ')} answer, but do not come together (${messageOf(error).replace(/\s+/g, ' ')}): ` +
        'check that all have the same --cluster and no other program uses their ports',
    );
  }
  const group = new TensorFlowGroup(index, addresses, cluster, DType[gradientPrecision]);
  agree(group, 'program', {
    'gradient precision': gradientPrecision,
    'TensorFlow version': backend().binding.TF_Version,
    'version of the code': code,
  });
  return group;
}

export class TensorFlowGroup implements Group {
  constructor(
    readonly index: number,
    private readonly addresses: readonly string[],
    private readonly cluster: Cluster,
    private readonly gradientType: number,
  ) {}

  get count(): number {
    return this.addresses.length;
  }

  get here(): number {
    const hosts = this.addresses.map((address) => hostOf(address));
    return hosts.filter((host) => host === hosts[this.index]).length;
  }

  nameOf(index: number): string {
    return `worker ${index} (${this.addresses[index]})`;
  }

  sumGradient(x: tf.Tensor): tf.Tensor {
    const sum = collectiveSum(this.cluster, x, this.gradientType);
    x.dispose();
    return sum;
  }

  sum<T extends tf.Tensor>(x: T): T {
    return collectiveSum(this.cluster, x) as T;
  }

  exchange(name: string, text: string): string[] {
    const { binding } = backend();
    binding.setClusterValue(`${name}/${this.index}`, text);
    this.wait();
    return this.addresses.map((_, i) => binding.getClusterValue(`${name}/${i}`, TEXT_MS));
  }

  broadcast(values: Float32Array | number): Float32Array {
    if (typeof values === 'number') return receive(this.cluster, values);
    sendToAll(this.cluster, values);
    return values;
  }

  /** Waits for all workers. */
  private wait(): void {
    tf.tidy(() => this.sum(tf.scalar(0)).dataSync());
  }

  /** Call it last. A worker that ends earlier than the others breaks what they still do together. */
  async leave(): Promise<void> {
    backend().binding.waitAtClusterBarrier('end', END_MS);
    if (this.index === 0) await setTimeout(LINGER_MS); // the others hear from worker 0 that all are here
  }

  /**
   * Call it when training fails. Tells the other workers if this one is the cause. Returns the error to show: if another
   * worker is the cause, it says which one.
   */
  async fail(error: unknown): Promise<unknown> {
    const lost = lostWorker(messageOf(error));
    if (!lost) {
      try {
        backend().binding.reportClusterError(messageOf(error).replace(/\s+/g, ' ').slice(0, 300));
      } catch {
        // then they notice that this worker has ended
      }
    }
    await setTimeout(LINGER_MS); // if this worker ended at once, the others might take it for the cause
    return lost ? new WorkerLostError(`${this.nameOf(lost.index)} ${lost.how}`) : error;
  }
}

/** The worker that a message of TensorFlow's collective ops is about, and what happened to it. */
export function lostWorker(message: string): { index: number; how: string } | undefined {
  const silent = `has not answered for ${HEARTBEAT_SECONDS} seconds: it is frozen, or the network is down`;
  const unhealthy = message.match(/unhealthy[\s\S]*?task:(\d+)/);
  if (unhealthy) return { index: Number(unhealthy[1]), how: silent };
  const reported = message.match(/Error reported from \S*task:(\d+): (.*)/);
  if (reported) return { index: Number(reported[1]), how: `has failed: ${reported[2]}` };
  const ended = message.match(/remote target \/job:worker\/replica:0\/task:(\d+)/);
  if (ended) return { index: Number(ended[1]), how: 'has ended' };
  // Heartbeats go to worker 0.
  if (/CoordinationService\/Heartbeat/.test(message)) return { index: 0, how: silent };
  return undefined;
}
