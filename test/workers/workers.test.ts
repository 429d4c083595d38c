import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { partOf } from '../../src/train/index';
import {
  checkPrivate,
  freePorts,
  lostWorker,
  meet,
  ownIndex,
  parseAddresses,
  portOf,
  readClusterFile,
} from '../../src/workers/index';
import { temporaryFolder } from '../support/idx';

const temporary = temporaryFolder();

test('the parts of a batch cover it without gaps and differ by one image at most', () => {
  const cases = { 2: 128, 3: 10, 4: 7, 5: 1 };
  for (const [workers, length] of Object.entries(cases)) {
    const count = Number(workers);
    const parts = Array.from({ length: count }, (_, index) => partOf(length, { index, count }));
    expect(parts[0][0]).toBe(0);
    expect(parts.at(-1)![1]).toBe(length);
    for (let i = 1; i < count; i++) expect(parts[i][0]).toBe(parts[i - 1][1]);
    const sizes = parts.map(([start, end]) => end - start);
    expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
  }
});

test('addresses', async () => {
  expect(parseAddresses('host-a:5000, [::1]:5001')).toEqual(['host-a:5000', '[::1]:5001']);
  expect(() => parseAddresses('host-a')).toThrow("'host-a' is not an address, want host:port");
  expect(() => parseAddresses('a:0')).toThrow("'a:0' is not an address");
  expect(() => parseAddresses('a:1,a:1')).toThrow('a:1 is listed twice');
  const file = path.join(temporary, 'cluster.json');
  fs.writeFileSync(file, '{"workers": ["a:1", "b:1"], "worker": 1}');
  expect(readClusterFile(file)).toEqual({ addresses: ['a:1', 'b:1'], index: 1 });
  fs.writeFileSync(file, '{"workers": "a:1"}');
  expect(() => readClusterFile(file)).toThrow('damaged: content.workers');
  expect(await ownIndex(['192.0.2.1:1', '127.0.0.1:1'])).toBe(1);
  await expect(ownIndex(['127.0.0.1:1', '127.0.0.1:2'])).rejects.toThrow('0 and 1 run on this');
  await expect(ownIndex(['192.0.2.1:1'])).rejects.toThrow('none run on this machine');
});

test('only private networks are trusted', async () => {
  await checkPrivate(['127.0.0.1:1', '[::1]:1', '10.1.2.3:1', '172.31.0.1:1', '192.168.1.1:1'], 1);
  for (const host of ['8.8.8.8', '172.32.0.1', '[2001:db8::1]']) {
    await expect(checkPrivate([`${host}:1`], 1)).rejects.toThrow(
      'not an address of a private network',
    );
  }
});

test('workers meet, in any order; a missing one and a port in use are named', async () => {
  const [a, b, c] = (await freePorts(3)).map((port) => `127.0.0.1:${port}`);
  const first = meet(0, [a, b], 20);
  await new Promise((resolve) => setTimeout(resolve, 500));
  await meet(1, [a, b], 20);
  const tensorflow = net.createServer().listen(portOf(b)); // listens next
  await first;
  tensorflow.close();
  await expect(meet(0, [a, c], 0.3)).rejects.toThrow(
    `worker 1 (${c}) cannot be reached after 0.3 seconds: no program listens there`,
  );
  await expect(meet(0, [a, 'no-such-host.invalid:1'], 0.3)).rejects.toThrow(
    'its name cannot be resolved',
  );
  const server = net.createServer().listen(portOf(a));
  await expect(meet(0, [a, b], 1)).rejects.toThrow('it is in use. Choose another port');
  server.close();
});

test("TensorFlow's messages say which worker is lost, and why", () => {
  const silent = expect.stringContaining('has not answered for 5 seconds');
  expect(
    lostWorker(
      'Error reported from /job:worker/task:2: The following tasks are unhealthy (stopped sending heartbeats):\n/job:worker/replica:0/task:2\nThe tasks have crashed.',
    ),
  ).toEqual({ index: 2, how: silent });
  expect(
    lostWorker(
      'Collective ops is aborted by: recvmsg:Connection reset by peer\nAdditional GRPC error information from remote target /job:worker/replica:0/task:1 while calling /tensorflow.WorkerService/RecvBuf:',
    ),
  ).toEqual({ index: 1, how: 'has ended' });
  expect(
    lostWorker('aborted by: Deadline Exceeded\n\nRPC: /tensorflow.CoordinationService/Heartbeat'),
  ).toEqual({ index: 0, how: silent });
  expect(lostWorker('batch size is 0')).toBeUndefined();
});
