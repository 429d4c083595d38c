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
export const HEARTBEAT_SECONDS = 5;
/** How long a text that exists may take to arrive. */
const TEXT_MS = 10_000;
/** How long the workers wait for each other at the end: worker 0 may still write the model. */
const END_MS = 3_600_000;
const LINGER_MS = 500;

/** Another worker has ended or does not answer. */
export class WorkerLostError extends InputError {
  override name = 'WorkerLostError';
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

  /** Tells the other workers why this one ends. */
  fail(reason: string): void {
    backend().binding.setClusterValue(`failure/${this.index}`, reason);
  }

  /** If another worker is the cause of `error`, an error that says which one. Otherwise `error`. */
  explain(error: unknown): unknown {
    const lost = lostWorker(messageOf(error));
    if (!lost) return error;
    const { index, isSilent } = lost;
    const how = isSilent
      ? `has not answered for ${HEARTBEAT_SECONDS} seconds: it is frozen, or the network is down`
      : 'has ended';
    return new WorkerLostError(`${this.nameOf(index)} ${this.failureOf(index) ?? how}`);
  }

  private failureOf(index: number): string | undefined {
    try {
      return `has ended: ${backend().binding.getClusterValue(`failure/${index}`, 500)}`;
    } catch {
      return undefined;
    }
  }
}

/** The worker that a message of TensorFlow's collective ops is about. */
export function lostWorker(message: string): { index: number; isSilent: boolean } | undefined {
  const silent = message.match(/unhealthy[\s\S]*?task:(\d+)/);
  if (silent) return { index: Number(silent[1]), isSilent: true };
  const ended = message.match(/remote target \/job:worker\/replica:0\/task:(\d+)/);
  if (ended) return { index: Number(ended[1]), isSilent: false };
  // Heartbeats go to worker 0.
  if (/CoordinationService\/Heartbeat/.test(message)) return { index: 0, isSilent: true };
  return undefined;
}
