import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { type Site, serve } from '../../src/draw/serve'; // index.ts would load TensorFlow
import { folderOf, temporaryFolder } from '../support/idx';
import { requireLoopback } from '../support/loopback';

requireLoopback();
const temporary = temporaryFolder();
folderOf(temporary, 'outside', { 'secret.txt': 'secret' });
const folder = folderOf(temporary, 'site', {
  'index.html': '<p>index',
  'data.bin': Buffer.from([1, 2, 3]),
  'draw/index.html': '<p>draw',
  'draw/page.js': '1',
  'draw/style.css': 'p {}',
  'draw/model/model.json': '{}',
  'draw/tfjs.wasm': '',
  'draw/.lock': 'secret',
  'draw/a name.txt': 'spaces',
});
fs.symlinkSync(path.join(temporary, 'outside'), path.join(folder, 'way-out'));
fs.symlinkSync('../outside/secret.txt', path.join(folder, 'secret.txt'));
fs.symlinkSync('index.html', path.join(folder, 'inside.html'));
fs.mkdirSync(path.join(temporary, 'site-beside'));
fs.writeFileSync(path.join(temporary, 'site-beside', 'secret.txt'), 'secret');

const sites: Site[] = [];
async function open(...args: Parameters<typeof serve>): Promise<Site> {
  const opened = await serve(...args);
  sites.push(opened);
  return opened;
}

let site: Site;
beforeAll(async () => {
  site = await open(folder, 0);
});
afterAll(() => Promise.all(sites.map((each) => each.close())));

/** Requests exactly this path. `fetch` would normalise it. */
async function ask(path: string, method = 'GET') {
  const { hostname, port } = new URL(site.url);
  const request = http.request({ hostname, port, path, method }).end();
  const [response]: [http.IncomingMessage] = (await once(request, 'response')) as never;
  return { status: response.statusCode, headers: response.headers, body: await text(response) };
}

test.each([
  ['/', 'text/html; charset=utf-8', '<p>index'],
  ['/draw/', 'text/html; charset=utf-8', '<p>draw'],
  ['/draw/?x=1', 'text/html; charset=utf-8', '<p>draw'],
  ['/draw/page.js', 'text/javascript; charset=utf-8', '1'],
  ['/draw/style.css', 'text/css; charset=utf-8', 'p {}'],
  ['/draw/model/model.json', 'application/json; charset=utf-8', '{}'],
  ['/draw/tfjs.wasm', 'application/wasm', ''],
  ['/draw/a%20name.txt', 'text/plain; charset=utf-8', 'spaces'],
  ['/data.bin', 'application/octet-stream', '\x01\x02\x03'],
  ['/inside.html', 'text/html; charset=utf-8', '<p>index'],
])('%s', async (address, type, body) => {
  const got = await ask(address);
  expect([got.status, got.headers['content-type'], got.body]).toEqual([200, type, body]);
  expect(got.headers).toMatchObject({
    'content-length': String(body.length),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-embedder-policy': 'require-corp',
  });
  const head = await ask(address, 'HEAD');
  expect([head.status, head.headers['content-length'], head.body]).toEqual([
    200,
    String(body.length),
    '',
  ]);
});

test.each([
  '/../outside/secret.txt',
  '/%2e%2e/outside/secret.txt',
  '/%2e%2e%2foutside/secret.txt',
  '/../site-beside/secret.txt',
  '/..\\outside\\secret.txt',
  '//outside/secret.txt',
  '/way-out/secret.txt',
  '/secret.txt',
  '/draw/.lock',
  '/../',
  '/nothing',
  '/index.html/',
  '/draw/model/',
  '/%',
  '/%00',
  '/index.html%00.js',
  `/${'a'.repeat(5000)}`,
])('%s is not found', async (address) => {
  const { status, body } = await ask(address);
  expect([status, body]).toEqual([404, 'Not Found\n']);
});

test('a folder without its slash is redirected', async () => {
  const { status, headers } = await ask('/draw');
  expect(status).toBe(301);
  expect(new URL(headers.location ?? '', `${site.url}draw`).href).toBe(`${site.url}draw/`);
});

test.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'])('%s is not allowed', async (method) => {
  const { status, headers } = await ask('/draw/', method);
  expect([status, headers.allow]).toEqual([405, 'GET, HEAD']);
});

test('listens on the loopback address, and reports a port in use', async () => {
  expect(site.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/);
  const port = Number(new URL(site.url).port);
  await expect(serve(folder, port)).rejects.toThrow(
    `port ${port}: already in use. Choose another with --port`,
  );
});

test('closing ends open connections', async () => {
  const other = await serve(folder, 0);
  expect((await fetch(other.url)).status).toBe(200);
  await other.close();
  await expect(fetch(other.url)).rejects.toThrow();
});

test('a fixed folder is served as it was, when another command has replaced it since', async () => {
  const shared = folderOf(temporary, 'shared', { 'draw/model/model.json': 'first' });
  const get = async ({ url }: Site, name = 'model.json') => {
    const response = await fetch(`${url}draw/model/${name}`);
    return [response.status, await response.text()];
  };
  const first = await open(shared, 0, 'draw/model');
  fs.rmSync(path.join(shared, 'draw/model'), { recursive: true });
  const without = await open(shared, 0, 'draw/model');
  folderOf(temporary, 'shared', { 'draw/model/model.json': 'third', 'draw/model/weights.bin': '' });
  const third = await open(shared, 0, 'draw/model');
  expect(await get(first)).toEqual([200, 'first']);
  expect(await get(first, 'weights.bin')).toEqual([404, 'Not Found\n']);
  expect(await get(without)).toEqual([404, 'Not Found\n']);
  expect(await get(third)).toEqual([200, 'third']);
  for (const address of ['%2e%2e/model/model.json', './model.json']) {
    expect((await fetch(`${third.url}draw/model/${address}`)).status).toBe(200);
  }
});
