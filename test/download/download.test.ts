import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import type net from 'node:net';
import path from 'node:path';
import zlib from 'node:zlib';
import { randomUniform } from '../../src/data/random';
import {
  type DataSource,
  type DownloadOptions,
  downloadDataset,
  SOURCES,
} from '../../src/download/index';
import { InputError } from '../../src/errors';
import { hashOf } from '../../src/files';
import type { Progress } from '../../src/progress';
import { root, typescript } from '../support/command';
import { folderOf, idxImages, idxLabels, temporaryFolder } from '../support/idx';
import { requireLoopback } from '../support/loopback';

requireLoopback();
const temporary = temporaryFolder();
const random = randomUniform(1);

/** Noise does not compress: 150 kB. */
const images = zlib.gzipSync(idxImages(200, 28, 28, () => Math.floor(random() * 256)));
const labels = zlib.gzipSync(idxLabels(Array.from({ length: 200 }, (_, i) => i % 10)));
const IMAGES = 'train-images-idx3-ubyte.gz';
const LABELS = 'train-labels-idx1-ubyte.gz';
const contents: Record<string, Buffer> = { [IMAGES]: images, [LABELS]: labels };

const source: DataSource = {
  name: 'Noise',
  folder: 'FashionMNIST',
  mirrors: [],
  files: Object.entries(contents).map(([name, content]) => ({
    name,
    bytes: content.length,
    md5: hashOf('md5', content),
  })),
};
const imagesOnly: DataSource = { ...source, files: source.files.slice(0, 1) };

type Answer = (content: Buffer, response: http.ServerResponse, range: string) => void;

interface Mirror {
  url: string;
  server: http.Server;
  /** File name and range of each request. */
  requests: string[];
}

const servers: http.Server[] = [];

/** A server on the loopback address. The nth request for a file gets the nth answer, or the last one. */
async function mirror(...answers: Answer[]): Promise<Mirror> {
  const requests: string[] = [];
  const server = http.createServer((request, response) => {
    const { pathname, search } = new URL(request.url!, 'http://localhost');
    const name = path.basename(pathname);
    const turn = requests.filter((each) => each.startsWith(name)).length;
    const { range = '' } = request.headers;
    requests.push(`${name}${search} ${range}`.trim());
    answers[Math.min(turn, answers.length - 1)](contents[name], response, range);
  });
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  return { url: `http://127.0.0.1:${port}/files`, server, requests };
}

/** Sends the headers for the requested part of `content` and returns that part. */
function head(content: Buffer, response: http.ServerResponse, range: string): Buffer {
  const start = Number(/^bytes=(\d+)-$/.exec(range)?.[1] ?? 0);
  const rest = content.subarray(start);
  response.writeHead(start > 0 ? 206 : 200, {
    'content-length': rest.length,
    'content-range': `bytes ${start}-${content.length - 1}/${content.length}`,
  });
  return rest;
}
const good: Answer = (content, response, range) => response.end(head(content, response, range));
const status =
  (code: number, headers: http.OutgoingHttpHeaders = {}): Answer =>
  (_, response) =>
    response.writeHead(code, headers).end('no');
/** Ignores ranges. */
const whole: Answer = (content, response) => response.end(content);
const changed: Answer = (content, response) => {
  const wrong = Buffer.from(content);
  wrong[wrong.length - 1] ^= 1;
  response.end(wrong);
};
const silent: Answer = () => {};
/** Sends a share of the requested bytes, then closes the connection or leaves it open. */
const partly =
  (share: number, close: boolean): Answer =>
  (content, response, range) => {
    const rest = head(content, response, range);
    response.write(
      rest.subarray(0, Math.floor(share * rest.length)),
      () => close && setTimeout(() => response.destroy(), 20),
    );
  };
/** Sends the pieces without a Content-Length. */
const chunked =
  (pieces: (content: Buffer) => Buffer[]): Answer =>
  (content, response) => {
    for (const piece of pieces(content)) response.write(piece);
    response.end();
  };
const html: Answer = (_, response) =>
  response.setHeader('content-type', 'text/html').end('<!DOCTYPE html><title>Log in</title>');
/** Has the right length, so only the range is wrong. */
const wrongRange: Answer = (content, response) => {
  const { length } = content;
  response.writeHead(206, { 'content-range': `bytes 5-${length - 1}/${length}` }).end(content);
};

beforeEach(() => {
  // These tests only use the loopback address, not the proxy of the machine.
  for (const name of ['http_proxy', 'https_proxy', 'no_proxy']) {
    delete process.env[name];
    delete process.env[name.toUpperCase()];
  }
});

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

let folders = 0;
/** A root folder that contains these files of the dataset. */
const newFolder = (files: Record<string, Buffer | string> = {}) =>
  folderOf(
    temporary,
    String(folders++),
    Object.fromEntries(
      Object.entries(files).map(([name, content]) => [`FashionMNIST/raw/${name}`, content]),
    ),
  );

const quick = { stallSeconds: 5, attempts: 3, backoffSeconds: 0.01 };
const short = { stallSeconds: 0.2, attempts: 2 };

function get(to: string, mirrors: Mirror[], options: Partial<DownloadOptions> = {}, from = source) {
  const urls = mirrors.map(({ url }) => url);
  return downloadDataset(from, { to, mirrors: urls, ...quick, ...options });
}

/** The status of each file after a download. */
async function statuses(...args: Parameters<typeof get>): Promise<string[]> {
  const { files } = await get(...args);
  return files.map((file) => file.status);
}

const raw = (to: string, ...names: string[]) => path.join(to, 'FashionMNIST', 'raw', ...names);
const filesIn = (to: string) => fs.readdirSync(raw(to)).sort();
const isRight = (to: string, name = IMAGES) =>
  fs.readFileSync(raw(to, name)).equals(contents[name]);

test('every dataset has mirrors and different files', () => {
  const sources = Object.values(SOURCES);
  expect(sources.map(({ name }) => name)).toEqual(['MNIST', 'Fashion-MNIST', 'KMNIST']);
  for (const { mirrors } of sources) {
    expect(mirrors.length).toBeGreaterThan(1);
    for (const address of mirrors) expect(address).toMatch(/^https?:\/\/.*\/$/);
  }
  const md5s = new Set(sources.flatMap(({ files }) => files.map(({ md5 }) => md5)));
  expect([...md5s].filter((md5) => /^[0-9a-f]{32}$/.test(md5)).length).toBe(12);
});

test('downloads a dataset, reports the progress, and requests no file twice', async () => {
  const to = newFolder();
  const server = await mirror(good);
  const progress: Progress[] = [];
  const { folder, files } = await get(to, [server], { onProgress: (each) => progress.push(each) });
  expect(folder).toBe(raw(to));
  expect(files).toEqual(source.files.map((file) => ({ ...file, status: 'downloaded' })));
  expect(filesIn(to)).toEqual([IMAGES, LABELS]);
  expect([isRight(to), isRight(to, LABELS)]).toEqual([true, true]);
  expect(server.requests).toEqual([IMAGES, LABELS]);

  expect(progress.at(-1)).toMatchObject({ label: 'Noise', done: 0.2, total: 0.2, unit: 'MB' });
  const shares = progress.map(({ done, total }) => done / total);
  expect(shares[0]).toBe(0);
  expect(shares.slice(1).every((share, i) => share >= shares[i])).toBe(true);

  expect(await statuses(to, [server])).toEqual(['present', 'present']);
  expect(server.requests.length).toBe(2);
});

test('continues after every cut if each attempt brings enough bytes', async () => {
  const to = newFolder();
  const server = await mirror(...Array(6).fill(partly(0.3, true)), good);
  expect(await statuses(to, [server], {}, imagesOnly)).toEqual(['downloaded']);
  expect(isRight(to)).toBe(true);
  expect(server.requests.length).toBe(7);
  expect(server.requests[1]).toBe(`${IMAGES} bytes=${Math.floor(images.length * 0.3)}-`);
});

test('continues the file of an earlier run, even from another mirror', async () => {
  const to = newFolder();
  await expect(get(to, [await mirror(partly(0.9, true), status(404))])).rejects.toThrow(InputError);
  expect(filesIn(to)).toEqual([`${IMAGES}.part`]);
  const server = await mirror(good);
  const progress: Progress[] = [];
  const onProgress = (each: Progress) => progress.push(each);
  expect(await statuses(to, [server], { onProgress })).toEqual(['resumed', 'downloaded']);
  expect(server.requests[0]).toBe(`${IMAGES} bytes=${Math.floor(0.9 * images.length)}-`);
  expect(filesIn(to)).toEqual([IMAGES, LABELS]);
  // Only the bytes that were missing count.
  expect(progress[0]).toMatchObject({ done: 0, total: 0.1 });
  expect(progress.at(-1)).toMatchObject({ done: 0.1, total: 0.1 });
});

test('stores a .gz file as it is, even if the server declares it as compressed', async () => {
  const to = newFolder();
  const server = await mirror((content, response) =>
    response.setHeader('content-encoding', 'gzip').end(content),
  );
  await get(to, [server], {}, imagesOnly);
  expect(isRight(to)).toBe(true);
});

test.each<[string, Answer[]]>([
  ['ignores ranges', [whole]],
  ['cannot continue (416)', [status(416), whole]],
  ['continues elsewhere', [wrongRange, whole]],
  ['continues another file', [status(206, { 'content-range': 'bytes 1000-1999/2000' }), whole]],
  ['sends no Content-Range', [status(206), whole]],
])('starts over if there is a partial file and the server %s', async (_, answers) => {
  const to = newFolder({ [`${IMAGES}.part`]: images.subarray(0, 1000) });
  expect(await statuses(to, [await mirror(...answers)], {}, imagesOnly)).toEqual(['downloaded']);
  expect(filesIn(to)).toEqual([IMAGES]);
  expect(isRight(to)).toBe(true);
});

test.each([
  ['wrong', Buffer.alloc(1000, 7), 'downloaded'],
  ['complete but wrong', Buffer.alloc(images.length, 7), 'downloaded'],
  ['too long', Buffer.concat([images, images]), 'downloaded'],
  ['complete and right', images, 'resumed'],
])('a partial file that is %s', async (_, content, result) => {
  const to = newFolder({ [`${IMAGES}.part`]: content });
  const server = await mirror(good);
  expect(await statuses(to, [server], {}, imagesOnly)).toEqual([result]);
  expect(isRight(to)).toBe(true);
  expect(filesIn(to)).toEqual([IMAGES]);
  expect(server.requests.includes(IMAGES)).toBe(result === 'downloaded');
});

test.each<[string, Answer, RegExp, Partial<DownloadOptions>?]>([
  ['403', status(403), /403 Forbidden\)/],
  ['404', status(404), /404 Not Found\)/],
  ['416 without a range', status(416), /416 Range Not Satisfiable\)/],
  ['a wrong range', wrongRange, /206 Partial Content\)/],
  ['500', status(500), /500 Internal Server Error \(3 attempts\)/],
  ['an unknown status', status(599), /599 \(3 attempts\)/],
  ['HTML', html, /HTML instead of data/],
  ['a changed bit', changed, /MD5 [0-9a-f]{32}, want [0-9a-f]{32}\)/],
  ['circular redirects', status(302, { location: '' }), /302 Found\)/],
  [
    'a redirect to a file',
    status(301, { location: 'file:///etc/passwd' }),
    /must start with `http/,
  ],
  [
    'a wrong Content-Length',
    (content, response) => response.end(content.subarray(0, 17)),
    /Content-Length 17, want \d+\)/,
  ],
  [
    'a truncated body',
    chunked((content) => [content.subarray(0, 5000)]),
    /cut off after 5,000 of [\d,]+ bytes \(3 attempts\)/,
  ],
  [
    'a body that is too long',
    chunked((content) => [content, content]),
    /more than the expected [\d,]+ bytes\)/,
  ],
  [
    'a closed connection',
    (_, response) => response.destroy(),
    /cut off after 0 of [\d,]+ bytes \(3 attempts\)/,
  ],
  ['silence', silent, /no bytes for 0\.2 s \(2 attempts\)/, short],
  [
    'silence in the middle',
    partly(0.01, false),
    /no bytes for 0\.2 s \(2 attempts\)/,
    { ...short, signal: new AbortController().signal },
  ],
  [
    'a wait that is too long',
    status(503, { 'retry-after': '3600' }),
    /503 Service Unavailable, retry after 3600 s\)/,
  ],
])('reports %s, keeps nothing wrong, and tries the next mirror', async (...args) => {
  const [, answer, reason, options] = args;
  const to = newFolder();
  const bad = await mirror(answer);
  const error = await get(to, [bad], options, imagesOnly).catch((thrown) => thrown);
  expect(error).toBeInstanceOf(InputError);
  expect(error.message).toMatch(reason);
  expect(error.message).toMatch(
    /^[^\n]*train-images-idx3-ubyte\.gz: no mirror delivered it \(http:\/\/127\.0\.0\.1:\d+\/files\/: [^\n]*the embedded MNIST needs no download$/,
  );
  expect(fs.existsSync(raw(to, IMAGES))).toBe(false);

  const [result] = await statuses(to, [bad, await mirror(good)], options, imagesOnly);
  expect(result).not.toBe('present');
  expect(isRight(to)).toBe(true);
  expect(filesIn(to)).toEqual([IMAGES]);
});

test('reports the reason for every mirror, including a refused connection', async () => {
  const closed = await mirror(good);
  closed.server.close();
  await expect(get(newFolder(), [closed, await mirror(status(403))])).rejects.toThrow(
    /files\/: connect ECONNREFUSED 127\.0\.0\.1:\d+; http:\/\/127\.0\.0\.1:\d+\/files\/: 403 Forbidden\)/,
  );
});

test('waits for as long as the server asks', async () => {
  const server = await mirror(status(429, { 'retry-after': '1' }), good);
  const start = performance.now();
  await get(newFolder(), [server], {}, imagesOnly);
  expect(performance.now() - start).toBeGreaterThan(990);
  expect(server.requests.length).toBe(2);
});

test('starts the next file with the mirror that worked', async () => {
  const [bad, fine] = [await mirror(status(404)), await mirror(good)];
  await get(newFolder(), [bad, fine]);
  expect([bad.requests.length, fine.requests.length]).toEqual([1, 2]);
});

test('follows redirects and repeats the range', async () => {
  const to = newFolder();
  const fine = await mirror(partly(0.5, true), good);
  const server = await mirror(status(302, { location: `${fine.url}/${IMAGES}?signature=1` }));
  await get(to, [server], {}, imagesOnly);
  expect(isRight(to)).toBe(true);
  expect(fine.requests[1]).toMatch(/\?signature=1 bytes=\d+-$/);
});

test.each(['ftp://example.org/', 'example.org', 'http://me:word@example.org/', 'http://x/?a=1'])(
  'rejects the mirror %s',
  async (address) => {
    await expect(downloadDataset(source, { to: newFolder(), mirrors: [address] })).rejects.toThrow(
      /^mirror '.*': want the http or https address/,
    );
  },
);

test.each<[string, Buffer, string]>([
  ['the wrong size', zlib.gzipSync(idxImages(3, 28, 28)), '\\d+ bytes, want \\d+'],
  ['other bytes', Buffer.alloc(images.length, 7), 'MD5 [0-9a-f]{32}, want [0-9a-f]{32}'],
])(
  'renames a file of %s and reports it, even if no mirror has the right one',
  async (_, content, problem) => {
    const to = newFolder({ [IMAGES]: content });
    const notices: string[] = [];
    const options = { onNotice: (line: string) => notices.push(line) };
    await expect(get(to, [await mirror(status(404))], options)).rejects.toThrow(InputError);
    expect(filesIn(to)).toEqual([`${IMAGES}.wrong`]);
    expect(notices).toEqual([
      expect.stringMatching(`-ubyte\\.gz: ${problem}: renamed to .*\\.wrong, downloading it`),
    ]);
    await get(to, [await mirror(good)], options);
    expect(isRight(to)).toBe(true);
  },
);

test('keeps an unpacked file with the same content, and renames another one', async () => {
  const [plain, other] = [IMAGES, LABELS].map((name) => name.replace('.gz', ''));
  const to = newFolder({
    [plain]: idxImages(200, 28, 28),
    [other]: zlib.gunzipSync(labels),
  });
  const notices: string[] = [];
  await get(to, [await mirror(good)], { onNotice: (line) => notices.push(line) });
  expect(filesIn(to)).toEqual([IMAGES, `${plain}.wrong`, other, LABELS]);
  expect(notices).toEqual([
    expect.stringMatching(/ubyte: differs from .*\.gz: renamed to .*wrong/),
  ]);
});

test('stops when aborted, keeps the bytes, and continues later', async () => {
  const to = newFolder();
  const controller = new AbortController();
  const onProgress = ({ done }: Progress) => done > 0 && controller.abort();
  const { signal } = controller;
  const hanging = get(to, [await mirror(partly(0.9, false))], { signal, onProgress });
  await expect(hanging).rejects.toThrow(/abort/i);
  expect(filesIn(to)).toEqual([`${IMAGES}.part`]);
  expect(fs.statSync(raw(to, `${IMAGES}.part`)).size).toBeGreaterThan(1000);
  expect(await statuses(to, [await mirror(good)])).toEqual(['resumed', 'downloaded']);
});

test.each([
  ['waits for the next attempt', status(500), { backoffSeconds: 50 }],
  ['waits for the server', silent, { stallSeconds: 50 }],
])('stops when aborted while it %s', async (_, answer, options) => {
  const signal = AbortSignal.timeout(200);
  const waiting = get(newFolder(), [await mirror(answer)], { signal, ...options });
  await expect(waiting).rejects.toThrow(/abort/i);
});

test('reports a full disk and an impossible folder', async () => {
  const to = newFolder();
  const append = jest.spyOn(fs, 'appendFileSync').mockImplementation(() => {
    throw Object.assign(new Error('ENOSPC: no space left on device, write'), { syscall: 'write' });
  });
  const error = await get(to, [await mirror(good)]).catch((thrown) => thrown);
  append.mockRestore();
  expect(error).toBeInstanceOf(InputError);
  expect(error.message).toMatch(/FashionMNIST\/raw: ENOSPC: no space left on device, write$/);
  expect(filesIn(to)).toEqual([]);
  fs.writeFileSync(path.join(temporary, 'file'), '');
  await expect(get(path.join(temporary, 'file'), [])).rejects.toThrow(InputError);
});

/** Starts a download in another process. */
function otherProcess(to: string, server: Mirror): { ended: Promise<string>; kill: () => void } {
  const entry = path.join(root, 'src', 'download', 'index.ts');
  const script = `
    const { downloadDataset } = require(${JSON.stringify(entry)});
    downloadDataset(${JSON.stringify(source)}, ${JSON.stringify({ to, mirrors: [server.url], ...quick })}).then(
      ({ files }) => console.log(files.map((file) => file.status).join()),
      (error) => console.log(error.message));`;
  const child = spawn(process.execPath, [...typescript, '--eval', script]);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text));
  return {
    ended: new Promise((resolve) => child.on('close', () => resolve(output.trim()))),
    kill: () => child.kill('SIGKILL'),
  };
}

test('several processes can download into one folder at once', async () => {
  const slowly: Answer = (content, response) => {
    response.write(content.subarray(0, 20));
    setTimeout(() => response.end(content.subarray(20)), 300);
  };
  // Each process renames the wrong file or finds it renamed.
  const to = newFolder({ [IMAGES]: 'wrong' });
  const server = await mirror(slowly);
  const outputs = await Promise.all([1, 2, 3].map(() => otherProcess(to, server).ended));
  for (const output of outputs) {
    expect(output.split('\n').at(-1)).toMatch(/^(downloaded|present),(downloaded|present)$/);
  }
  expect(filesIn(to)).toEqual([IMAGES, `${IMAGES}.wrong`, LABELS]);
  expect([isRight(to), isRight(to, LABELS)]).toEqual([true, true]);
});

test('continues the file of a killed process, but not that of a living one', async () => {
  const to = newFolder();
  const other = otherProcess(to, await mirror(partly(0.5, false)));
  let output: string | undefined;
  void other.ended.then((text) => (output = text));
  const parts = () => (fs.existsSync(raw(to)) ? filesIn(to) : []);
  while (!parts().some((name) => fs.statSync(raw(to, name)).size > 0)) {
    if (output !== undefined) throw new Error(`the other process ended: ${output}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const [name] = parts();
  expect(name).toMatch(/^train-images-idx3-ubyte\.gz\.\d+-[0-9a-f]{8}\.part$/);

  const copy = path.join(temporary, 'copy');
  fs.cpSync(to, copy, { recursive: true });
  expect(await statuses(copy, [await mirror(good)], {}, imagesOnly)).toEqual(['downloaded']);
  expect(filesIn(copy)).toEqual([IMAGES, name]);

  other.kill();
  await other.ended;
  expect(await statuses(to, [await mirror(good)])).toEqual(['resumed', 'downloaded']);
  expect(filesIn(to)).toEqual([IMAGES, LABELS]);
});

describe('proxies', () => {
  const nowhere: Mirror = {
    url: 'http://data.invalid/x',
    server: http.createServer(),
    requests: [],
  };

  test.each([
    ['http_proxy', ''],
    ['HTTP_PROXY', 'http://'],
  ])('%s=%sHOST:PORT is used for http, without a tunnel', async (name, scheme) => {
    const proxy = await mirror(good);
    process.env[name] = scheme + new URL(proxy.url).host;
    expect(await statuses(newFolder(), [nowhere])).toEqual(['downloaded', 'downloaded']);
    expect(proxy.requests).toEqual([IMAGES, LABELS]);
  });

  test.each(['127.0.0.1', 'example.org, 0.0.1', '*'])('no_proxy=%s', async (list) => {
    Object.assign(process.env, { http_proxy: 'http://proxy.invalid:3128', NO_PROXY: list });
    const server = await mirror(good);
    expect(await statuses(newFolder(), [server], {}, imagesOnly)).toEqual(['downloaded']);
  });

  test('https goes through a tunnel, and the error names the proxy', async () => {
    const proxy = await mirror(good);
    const tunnels: string[] = [];
    proxy.server.on('connect', (request, socket) => {
      tunnels.push(String(request.url));
      socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
    });
    process.env.https_proxy = new URL(proxy.url).origin;
    const secure = { ...nowhere, url: 'https://data.invalid/x' };
    await expect(get(newFolder(), [secure])).rejects.toThrow(/Proxy response \(403\)/);
    expect(tunnels).toEqual(['data.invalid:443']);
  });

  test('an unusable proxy ends the download', async () => {
    process.env.http_proxy = 'ftp://proxy';
    await expect(get(newFolder(), [await mirror(good)])).rejects.toThrow(
      /^http_proxy, https_proxy in the environment: /,
    );
  });
});
