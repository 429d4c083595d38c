import fs from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import zlib from 'node:zlib';
import { SOURCES } from '../../src/download/index';
import { hashOf } from '../../src/files';
import { cli, expectOneLineError } from '../support/command';
import { idxImages, idxLabels, temporaryFolder } from '../support/idx';
import { requireLoopback } from '../support/loopback';

requireLoopback();
const temporary = temporaryFolder();
const names = ['train-images-idx3', 'train-labels-idx1', 't10k-images-idx3', 't10k-labels-idx1'];
const contents = Object.fromEntries(
  names.map((name, i) => [
    `${name}-ubyte.gz`,
    zlib.gzipSync(i % 2 === 0 ? idxImages(50, 28, 28) : idxLabels(Array(50).fill(3))),
  ]),
);
const files = Object.entries(contents).map(([name, content]) => ({
  name,
  bytes: content.length,
  md5: hashOf('md5', content),
}));

// Small files in place of KMNIST's, and no mirrors.
Object.assign(SOURCES.kmnist, { mirrors: [], files });
const download = (...args: string[]) => cli('data', '--dataset', 'kmnist', ...args);

let mode: 'good' | 'missing' | 'hanging' = 'good';
let requests = 0;
const server = http.createServer((request, response) => {
  requests++;
  const content = contents[path.basename(request.url ?? '')];
  if (mode === 'missing') response.writeHead(404).end();
  else if (mode === 'good') response.end(content);
  else {
    response.setHeader('content-length', content.length);
    response.write(content.subarray(0, 50));
  }
});
let address = '';
beforeAll(async () => {
  for (const name of ['http_proxy', 'https_proxy', 'no_proxy']) {
    delete process.env[name];
    delete process.env[name.toUpperCase()];
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

test('npm run data downloads, continues after Ctrl-C, and requests no file twice', async () => {
  const to = path.join(temporary, 'data');
  const args = ['--to', to, '--mirror', address];
  const folder = path.join(to, 'KMNIST', 'raw');

  mode = 'hanging';
  const ended = download(...args);
  while (!fs.existsSync(folder) || !fs.readdirSync(folder).some((name) => sizeOf(name) === 50)) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  process.emit('SIGINT', 'SIGINT');
  const { stdout: said, code: interrupted } = await ended;
  expect(interrupted).toBe(130);
  expect(said).toMatch(/^Interrupted\. Run the same command again to continue$/m);
  expect(fs.readdirSync(folder)).toEqual(['train-images-idx3-ubyte.gz.part']);

  mode = 'good';
  const { code, stdout, stderr } = await download(...args, '--json');
  expect([code, stderr]).toEqual([0, '']);
  // This server ignores ranges, so the file was not resumed.
  expect(JSON.parse(stdout)).toEqual({
    dataset: 'kmnist',
    folder,
    files: files.map((file) => ({ ...file, status: 'downloaded' })),
  });

  const before = requests;
  const again = await download(...args);
  expect([again.code, again.stderr]).toEqual([0, '']);
  expect(again.stdout).toBe(`KMNIST: 4 files, 4 present. Use it with --data ${folder}\n`);
  expect(requests).toBe(before);

  function sizeOf(name: string): number {
    return fs.statSync(path.join(folder, name), { throwIfNoEntry: false })?.size ?? 0;
  }
}, 120_000);

test('npm run data reports errors in one line', async () => {
  mode = 'missing';
  const to = path.join(temporary, 'none');
  expectOneLineError(
    await download('--to', to, '--mirror', address),
    /^error: .*train-images-idx3-ubyte\.gz: no mirror delivered it \(http:\/\/127\.0\.0\.1:\d+\/: 404 Not Found\)/,
  );
  expectOneLineError(
    await cli('data', '--dataset', 'emnist', '--to', to),
    /^error: .*'emnist' is invalid\. Allowed choices are mnist, fashion-mnist, kmnist/,
  );
  expectOneLineError(await cli('data', '--dataset', 'mnist'), /--to <dir>' not specified/);
  expectOneLineError(
    await cli('data', '--dataset', 'mnist', '--to', to, '--mirror', 'nowhere'),
    /^error: mirror 'nowhere': want the http or https address/,
  );
}, 120_000);

test('npm run data -- --help', async () => {
  const { code, stdout } = await cli('data', '--help');
  expect(code).toBe(0);
  expect(stdout).toMatch(/Usage: npm run data -- /);
});
