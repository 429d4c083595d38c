/** Waits until all workers are there, so that an error can name the one that is missing. */
import net from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { InputError, messageOf } from '../errors';
import { hostOf, portOf } from './addresses';

const RETRY_MS = 200;
const CONNECT_MS = 2000;

/**
 * Answers at this worker's port until the ports of all others answer. TensorFlow, which listens at the same port
 * afterwards, would wait for ever for a worker that does not come.
 * Throws InputError if the port is in use, or if a worker is missing after `seconds`.
 */
export async function meet(
  index: number,
  addresses: readonly string[],
  seconds: number,
): Promise<void> {
  const server = await listen(portOf(addresses[index]));
  try {
    const end = performance.now() + 1000 * seconds;
    const others = addresses.map((address, i) => ({ address, i })).filter(({ i }) => i !== index);
    await Promise.all(
      others.map(async ({ address, i }) => {
        let problem = await tryToConnect(address);
        while (problem !== undefined && performance.now() < end) {
          await setTimeout(RETRY_MS);
          problem = await tryToConnect(address);
        }
        if (problem === undefined) return;
        throw new InputError(
          `worker ${i} (${address}) cannot be reached after ${seconds} seconds: ${problem}. ` +
            'Start it with the same --cluster, or wait longer with --wait',
        );
      }),
    );
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}

/** Listens at `port`, and closes every connection at once. */
function listen(port: number): Promise<net.Server> {
  const server = net.createServer((socket) => socket.destroy());
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const why = error.code === 'EADDRINUSE' ? 'it is in use' : messageOf(error);
      reject(new InputError(`cannot listen at port ${port}: ${why}. Choose another port`));
    });
    server.listen(port, () => resolve(server));
  });
}

/** What is wrong, or undefined. */
function tryToConnect(address: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = net.connect({ host: hostOf(address), port: portOf(address) });
    const end = (problem?: string) => {
      socket.destroy();
      resolve(problem);
    };
    socket.setTimeout(CONNECT_MS, () => end('no answer'));
    socket.once('connect', () => end());
    socket.once('error', ({ code, message }: NodeJS.ErrnoException) =>
      end(REASONS[code!] ?? message),
    );
  });
}

const REASONS: Record<string, string> = {
  ECONNREFUSED: 'no program listens there',
  ENOTFOUND: 'its name cannot be resolved',
  EAI_AGAIN: 'its name cannot be resolved',
  EHOSTUNREACH: 'there is no route to it',
  ENETUNREACH: 'there is no route to it',
  ETIMEDOUT: 'no answer',
};

/** Free ports of this machine. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, () => listen(0)));
  const ports = servers.map((server) => (server.address() as net.AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
