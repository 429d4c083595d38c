import { once } from 'node:events';
import net from 'node:net';

/** Without the loopback interface, fails the tests of this file or block at once, with the reason. */
export function requireLoopback(): void {
  beforeAll(checkLoopback);
}

/** Rejects, with the reason, if there is no loopback interface. */
export async function checkLoopback(): Promise<void> {
  const server = net.createServer().listen(0, '127.0.0.1');
  try {
    await once(server, 'listening');
    const socket = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1');
    await once(socket, 'connect');
    socket.destroy();
  } catch (error) {
    throw new Error(`these tests need the loopback interface: ${(error as Error).message}`);
  } finally {
    server.close();
  }
}
