import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import dns from 'node:dns';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import zlib from 'node:zlib';
import {
  DATASET_NAMES,
  type DataSource,
  type DownloadOptions,
  downloadDataset,
  loadDataset,
  sourceOf,
} from '../../src/data/index';
import { proxyFor } from '../../src/data/network';
import { randomUniform } from '../../src/data/random';
import { InputError } from '../../src/errors';
import type { Progress } from '../../src/progress';
import { root } from '../support/command';
import { folderOf, idxImages, idxLabels, temporaryFolder } from '../support/idx';

const temporary = temporaryFolder();
const random = randomUniform(1);

/** Noise, so that the packed images are 150 kB. */
const images = zlib.gzipSync(idxImages(200, 28, 28, () => Math.floor(random() * 256)));
const labels = zlib.gzipSync(idxLabels(Array.from({ length: 200 }, (_, i) => i % 10)));
const contents: Record<string, Buffer> = {
  'train-images-idx3-ubyte.gz': images,
  'train-labels-idx1-ubyte.gz': labels,
};
const IMAGES = 'train-images-idx3-ubyte.gz';

const source: DataSource = {
  name: 'Noise',
  folder: 'FashionMNIST',
  mirrors: [],
  files: Object.entries(contents).map(([name, content]) => ({
    name,
    bytes: content.length,
    md5: createHash('md5').update(content).digest('hex'),
  })),
};
const imagesOnly: DataSource = { ...source, files: source.files.slice(0, 1) };

type Answer = (
  content: Buffer,
  response: http.ServerResponse,
  request: http.IncomingMessage,
) => void;

interface Mirror {
  url: string;
  /** `GET` path and range of each request. */
  requests: string[];
}

const servers: http.Server[] = [];

/** A server on loopback. Request n for a file gets answer n, the last one again and again. */
async function mirror(...answers: Answer[]): Promise<Mirror> {
  const requests: string[] = [];
  const seen = new Map<string, number>();
  const server = http.createServer((request, response) => {
    const name = path.basename(request.url ?? '');
    requests.push([name, request.headers.range].filter(Boolean).join(' '));
    const turn = seen.get(name) ?? 0;
    seen.set(name, turn + 1);
    answers[Math.min(turn, answers.length - 1)](contents[name] ?? images, response, request);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as net.AddressInfo;
  return { url: `http://127.0.0.1:${port}/files`, requests };
}

/** What a good server does, ranges included. */
const good: Answer = (content, response, request) => {
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
  if (start >= content.length) {
    response.writeHead(416).end();
    return;
  }
  response.writeHead(start > 0 ? 206 : 200, {
    'content-length': content.length - start,
    ...(start > 0
      ? { 'content-range': `bytes ${start}-${content.length - 1}/${content.length}` }
      : {}),
  });
  response.end(content.subarray(start));
};
const status =
  (code: number, headers: http.OutgoingHttpHeaders = {}): Answer =>
  (_, response) =>
    response.writeHead(code, headers).end('no');
const whole: Answer = (content, response) => response.end(content); // knows no ranges
const changed: Answer = (content, response) => {
  const wrong = Buffer.from(content);
  wrong[wrong.length - 1] ^= 1;
  response.end(wrong);
};
/** Sends the first bytes of what is asked for, and then ends the connection, or leaves it open. */
const partly =
  (share: number, end: boolean): Answer =>
  (content, response, request) => {
    const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    response.writeHead(start > 0 ? 206 : 200, {
      'content-length': content.length - start,
      'content-range': `bytes ${start}-${content.length - 1}/${content.length}`,
    });
    response.write(
      content.subarray(start, start + Math.floor(share * (content.length - start))),
      () => end && setTimeout(() => response.socket?.destroy(), 20),
    );
  };

beforeAll(() => {
  // These tests ask loopback and nothing else, whatever proxy the machine has.
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
const newFolder = () => path.join(temporary, String(folders++));

const quick = { stallSeconds: 5, attempts: 3, backoffSeconds: 0.01 };

function get(to: string, mirrors: Mirror[], options: Partial<DownloadOptions> = {}, from = source) {
  return downloadDataset(from, {
    to,
    mirrors: mirrors.map(({ url }) => url),
    ...quick,
    ...options,
  });
}

const raw = (to: string, ...names: string[]) => path.join(to, 'FashionMNIST', 'raw', ...names);
const filesIn = (to: string) => fs.readdirSync(raw(to)).sort();
const isRight = (to: string, name = IMAGES) =>
  fs.readFileSync(raw(to, name)).equals(contents[name]);

test('the list of data sets is complete', () => {
  expect(DATASET_NAMES).toEqual(['mnist', 'fashion-mnist', 'kmnist']);
  const md5s = new Set<string>();
  for (const dataset of DATASET_NAMES) {
    const { mirrors, files } = sourceOf(dataset);
    expect(mirrors.length).toBeGreaterThan(1);
    for (const address of mirrors) expect(address).toMatch(/^https?:\/\/.*\/$/);
    expect(files.map(({ name }) => name)).toEqual([
      'train-images-idx3-ubyte.gz',
      'train-labels-idx1-ubyte.gz',
      't10k-images-idx3-ubyte.gz',
      't10k-labels-idx1-ubyte.gz',
    ]);
    for (const { md5 } of files) md5s.add(md5);
  }
  expect([...md5s].filter((md5) => /^[0-9a-f]{32}$/.test(md5)).length).toBe(12);
  expect(() => sourceOf('toString')).toThrow(
    "data set is 'toString', want mnist, fashion-mnist, kmnist",
  );
});

test('downloads a data set that loadDataset then reads, and asks for nothing that is there', async () => {
  const to = newFolder();
  const server = await mirror(good);
  const progress: Progress[] = [];
  const { folder, files } = await get(to, [server], { onProgress: (each) => progress.push(each) });
  expect(folder).toBe(raw(to));
  expect(files).toEqual(source.files.map((file) => ({ ...file, status: 'downloaded' })));
  expect(filesIn(to)).toEqual(Object.keys(contents));
  for (const data of [to, folder]) expect(loadDataset('train', data).length).toBe(200);
  expect(loadDataset('train', folder).name).toBe('FashionMNIST train');
  expect(server.requests).toEqual(Object.keys(contents));

  const shares = progress.map(({ done, total }) => done / total);
  expect(shares[0]).toBe(0);
  expect(shares.at(-1)).toBe(1);
  expect(shares.slice(1).every((share, i) => share >= shares[i])).toBe(true);

  const again = await get(to, [server]);
  expect(again.files.map((file) => file.status)).toEqual(['present', 'present']);
  expect(server.requests.length).toBe(2);
});

test('a root with several data sets is ambiguous', async () => {
  const to = newFolder();
  await get(to, [await mirror(good)]);
  fs.mkdirSync(path.join(to, 'KMNIST', 'raw'), { recursive: true });
  expect(() => loadDataset('train', to)).toThrow(
    /holds several data sets, name one: .*FashionMNIST/,
  );
});

test('continues after a cut, as often as each brings a good piece', async () => {
  const to = newFolder();
  const server = await mirror(...Array(6).fill(partly(0.3, true)), good);
  const { files } = await get(to, [server], {}, imagesOnly);
  expect(files[0].status).toBe('downloaded');
  expect(isRight(to)).toBe(true);
  expect(server.requests.length).toBe(7);
  expect(server.requests[1]).toBe(`${IMAGES} bytes=${Math.floor(images.length * 0.3)}-`);
});

test('what an earlier run brought is continued, from another mirror too', async () => {
  const to = newFolder();
  await expect(get(to, [await mirror(partly(0.5, true), status(404))])).rejects.toThrow(InputError);
  expect(filesIn(to)).toEqual([`${IMAGES}.part`]);
  const server = await mirror(good);
  const { files } = await get(to, [server]);
  expect(files.map((file) => file.status)).toEqual(['resumed', 'downloaded']);
  expect(server.requests[0]).toBe(`${IMAGES} bytes=${Math.floor(images.length / 2)}-`);
  expect(filesIn(to)).toEqual(Object.keys(contents));
});

test.each<[string, Answer[]]>([
  ['knows no ranges', [whole]],
  ['cannot continue (416)', [status(416), whole]],
  ['continues elsewhere', [status(206, { 'content-range': `bytes 0-9/${images.length}` }), whole]],
  ['continues another file', [status(206, { 'content-range': 'bytes 1000-1999/2000' }), whole]],
  ['does not say what it sends', [status(206), whole]],
])('a partial file, and a server that %s: from the start', async (_, answers) => {
  const to = newFolder();
  folderOf(to, '.', { [`FashionMNIST/raw/${IMAGES}.part`]: images.subarray(0, 1000) });
  const { files } = await get(to, [await mirror(...answers)], {}, imagesOnly);
  expect(files[0].status).toBe('downloaded');
  expect(filesIn(to)).toEqual([IMAGES]);
  expect(isRight(to)).toBe(true);
});

test.each([
  ['wrong', () => Buffer.alloc(1000, 7)],
  ['complete, but wrong', () => Buffer.alloc(images.length, 7)],
  ['too long', () => Buffer.concat([images, images])],
  ['complete and right', () => images],
])('a partial file that is %s', async (what, content) => {
  const to = newFolder();
  folderOf(to, '.', { [`FashionMNIST/raw/${IMAGES}.part`]: content() });
  const server = await mirror(good);
  const { files } = await get(to, [server], {}, imagesOnly);
  expect(isRight(to)).toBe(true);
  expect(filesIn(to)).toEqual([IMAGES]);
  const complete = what === 'complete and right';
  expect(files[0].status).toBe(complete ? 'resumed' : 'downloaded');
  expect(server.requests.includes(IMAGES)).toBe(!complete);
});

const page = '<!DOCTYPE html><title>Log in</title>';
const failures: [string, Answer, RegExp, Partial<DownloadOptions>?][] = [
  ['403', status(403), /403 Forbidden/],
  ['404', status(404), /404 Not Found/],
  ['416, unasked', status(416), /416 Range Not Satisfiable/],
  [
    'another range than asked for',
    (content, response) => {
      const { length } = content; // of the right length, and so only its range tells
      response.writeHead(206, { 'content-range': `bytes 5-${length - 1}/${length}` }).end(content);
    },
    /206 with bytes 5 … of \d+, want bytes 0 … of \d+/,
  ],
  ['500', status(500), /500 Internal Server Error \(3 tries\)/],
  ['an unknown status', status(599), /599 \(3 tries\)/],
  [
    'HTML by its type',
    (_, response) => response.setHeader('content-type', 'text/html').end(page),
    /HTML instead of data/,
  ],
  [
    'HTML without a type',
    (_, response) => {
      response.write(page);
      response.end();
    },
    /HTML instead of data/,
  ],
  [
    'other bytes',
    (content, response) => {
      response.write(Buffer.alloc(content.length, 'x'));
      response.end();
    },
    /no gzip file/,
  ],
  ['a changed bit', changed, /MD5 [0-9a-f]{32}, want [0-9a-f]{32}/],
  [
    'redirects in a circle',
    (_, response, request) => response.writeHead(302, { location: request.url ?? '' }).end(),
    /more than 5 redirects/,
  ],
  ['a redirect to nowhere', status(302), /302 to nowhere/],
  ['a redirect to a file', status(301, { location: 'file:///etc/passwd' }), /no web address/],
  [
    'a wrong Content-Length',
    (content, response) => response.end(content.subarray(0, 17)),
    /Content-Length 17, want \d+/,
  ],
  [
    'a truncated body',
    (content, response) => {
      response.write(content.subarray(0, 5000)); // in chunks: no Content-Length
      response.end();
    },
    /cut off after 5,000 of [\d,]+ bytes/,
  ],
  [
    'a body without end',
    (content, response) => {
      response.write(content);
      response.end(content);
    },
    /more than the [\d,]+ bytes it should have/,
  ],
  [
    'a cut connection',
    (_, response) => response.socket?.destroy(),
    /cut off after 0 of [\d,]+ bytes \(3 tries\)/,
  ],
  ['silence', () => {}, /no bytes for 0\.1 s \(2 tries\)/, { stallSeconds: 0.1, attempts: 2 }],
  [
    'silence in the middle',
    partly(0.01, false),
    /cut off|no bytes for|only [\d,]+ bytes in 0\.3 s/,
    { stallSeconds: 0.3, attempts: 2 },
  ],
  [
    'a slow drip',
    (content, response) => {
      let at = 0;
      const timer = setInterval(() => response.write(content.subarray(at, ++at)), 20);
      response.on('close', () => clearInterval(timer));
    },
    /only [\d,]+ bytes in 0\.3 s/,
    { stallSeconds: 0.3, attempts: 2 },
  ],
  [
    'a wait that is too long',
    status(503, { 'retry-after': '3600' }),
    /503 Service Unavailable, for 3600 s more/,
  ],
];

test.each(failures)(
  '%s is told, leaves nothing wrong, and the next mirror is asked',
  async (...[, answer, reason, options]) => {
    const to = newFolder();
    const bad = await mirror(answer);
    const error = await get(to, [bad], options, imagesOnly).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(InputError);
    expect(error.message).toMatch(reason);
    expect(error.message).toMatch(
      /^[^\n]*train-images-idx3-ubyte\.gz: no mirror gave it \(http:\/\/127\.0\.0\.1:\d+\/files\/: [^\n]*the embedded MNIST needs no download$/,
    );
    expect(fs.existsSync(raw(to, IMAGES))).toBe(false);

    const { files } = await get(to, [bad, await mirror(good)], options, imagesOnly);
    expect(files[0].status).not.toBe('present');
    expect(isRight(to)).toBe(true);
    expect(filesIn(to)).toEqual([IMAGES]);
  },
);

test('every mirror and its reason are named, and refused connections too', async () => {
  const closed = await mirror(good);
  await new Promise((resolve) => servers.at(-1)?.close(resolve));
  await expect(get(newFolder(), [closed, await mirror(status(403))])).rejects.toThrow(
    /files\/: connection refused; http:\/\/127\.0\.0\.1:\d+\/files\/: 403 Forbidden\)/,
  );
});

test('waits as long as the server asks', async () => {
  const server = await mirror(status(429, { 'retry-after': '1' }), good);
  const start = performance.now();
  await get(newFolder(), [server], {}, imagesOnly);
  expect(performance.now() - start).toBeGreaterThan(990);
  expect(server.requests.length).toBe(2);
});

test('the mirror that worked is asked first for the next file', async () => {
  const [bad, fine] = [await mirror(status(404)), await mirror(good)];
  await get(newFolder(), [bad, fine]);
  expect([bad.requests.length, fine.requests.length]).toEqual([1, 2]);
});

test('follows redirects, with the range', async () => {
  const to = newFolder();
  const fine = await mirror(partly(0.5, true), good);
  const server = await mirror((_, response) =>
    response.writeHead(302, { location: `${fine.url}/${IMAGES}?signature=1` }).end(),
  );
  fs.mkdirSync(raw(to), { recursive: true });
  contents[`${IMAGES}?signature=1`] = images;
  await get(to, [server], {}, imagesOnly);
  delete contents[`${IMAGES}?signature=1`];
  expect(isRight(to)).toBe(true);
  expect(fine.requests[1]).toMatch(/ bytes=\d+-$/);
});

test.each(['ftp://example.org/', 'example.org', 'http://me:word@example.org/', 'http://x/?a=1'])(
  'refuses a mirror %s',
  async (address) => {
    await expect(downloadDataset(source, { to: newFolder(), mirrors: [address] })).rejects.toThrow(
      /^mirror '.*': want the http or https address/,
    );
  },
);

test('a wrong file is moved aside and told, also when nothing better is had', async () => {
  const to = newFolder();
  folderOf(to, '.', { [`FashionMNIST/raw/${IMAGES}`]: zlib.gzipSync(idxImages(3, 28, 28)) });
  const notices: string[] = [];
  const options = { onNotice: (line: string) => notices.push(line) };
  await expect(get(to, [await mirror(status(404))], options)).rejects.toThrow(InputError);
  expect(filesIn(to)).toEqual([`${IMAGES}.wrong`]);
  expect(notices).toEqual([
    expect.stringMatching(/-ubyte\.gz: \d+ bytes, want \d+: renamed to .*\.wrong, and downloaded/),
  ]);
  await get(to, [await mirror(good)], options);
  expect(isRight(to)).toBe(true);
});

test('a wrong file that another process moves aside at the same moment', async () => {
  const to = newFolder();
  folderOf(to, '.', { [`FashionMNIST/raw/${IMAGES}`]: 'wrong' });
  jest.spyOn(fs, 'renameSync').mockImplementationOnce((file) => {
    fs.rmSync(file);
    throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
  });
  await get(to, [await mirror(good)]);
  jest.restoreAllMocks();
  expect(filesIn(to)).toEqual(Object.keys(contents));
});

test('an unpacked file beside the packed one is kept when it is the same, else moved aside', async () => {
  const to = newFolder();
  const [plain, other] = ['train-images-idx3-ubyte', 'train-labels-idx1-ubyte'];
  folderOf(to, '.', {
    [`FashionMNIST/raw/${plain}`]: idxImages(200, 28, 28),
    [`FashionMNIST/raw/${other}`]: zlib.gunzipSync(labels),
  });
  const notices: string[] = [];
  await get(to, [await mirror(good)], { onNotice: (line) => notices.push(line) });
  expect(filesIn(to)).toEqual([`${plain}.gz`, `${plain}.wrong`, other, `${other}.gz`]);
  expect(notices.length).toBe(1);
});

test('ends when told to, keeps what came, and continues', async () => {
  const to = newFolder();
  const controller = new AbortController();
  let reports = 0;
  const hanging = get(to, [await mirror(partly(0.5, false))], {
    signal: controller.signal,
    onProgress: () => {
      if (++reports === 2) controller.abort(); // the first one is before any byte
    },
  });
  await expect(hanging).rejects.toThrow(/abort/i);
  expect(filesIn(to)).toEqual([`${IMAGES}.part`]);
  expect(fs.statSync(raw(to, `${IMAGES}.part`)).size).toBeGreaterThan(1000);
  const { files } = await get(to, [await mirror(good)]);
  expect(files.map((file) => file.status)).toEqual(['resumed', 'downloaded']);

  // Also while it waits for the next try.
  const waiting = get(newFolder(), [await mirror(status(500))], {
    signal: AbortSignal.timeout(200),
    backoffSeconds: 50,
  });
  await expect(waiting).rejects.toThrow(/abort/i);
});

test('a disk that is full, and a folder that cannot be', async () => {
  const to = newFolder();
  const write = jest.spyOn(fs, 'writeSync').mockImplementation(() => {
    throw new Error('ENOSPC: no space left on device, write');
  });
  await expect(get(to, [await mirror(good)])).rejects.toThrow(
    /train-images-idx3-ubyte\.gz.*: ENOSPC: no space left on device/,
  );
  write.mockRestore();
  expect(filesIn(to)).toEqual([]);
  fs.writeFileSync(path.join(temporary, 'file'), '');
  await expect(get(path.join(temporary, 'file'), [])).rejects.toThrow(InputError);
});

/** The same in a process of its own. */
function otherProcess(to: string, server: Mirror): { ended: Promise<string>; kill: () => void } {
  const script = `
    const { downloadDataset } = require(${JSON.stringify(path.join(root, 'src/data/download.ts'))});
    downloadDataset(${JSON.stringify(source)}, ${JSON.stringify({ to, mirrors: [server.url], ...quick })}).then(
      ({ files }) => console.log(files.map((file) => file.status).join()),
      (error) => console.log(error.message));`;
  const tsx = path.join(root, 'node_modules', 'tsx', 'dist', 'loader.mjs');
  const child = spawn(process.execPath, ['--import', tsx, '--eval', script]);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text));
  return {
    ended: new Promise((resolve) => child.on('close', () => resolve(output.trim()))),
    kill: () => child.kill('SIGKILL'),
  };
}

test('several processes at once into one folder', async () => {
  const to = newFolder();
  const slowly: Answer = (content, response) => {
    response.write(content.subarray(0, 20));
    setTimeout(() => response.end(content.subarray(20)), 300);
  };
  // One wrong file is there, and each moves it aside or finds it moved.
  folderOf(to, '.', { [`FashionMNIST/raw/${IMAGES}`]: 'wrong' });
  const server = await mirror(slowly);
  const outputs = await Promise.all([1, 2, 3].map(() => otherProcess(to, server).ended));
  for (const output of outputs) {
    expect(output.split('\n').at(-1)).toMatch(/^(downloaded|present),(downloaded|present)$/);
  }
  expect(filesIn(to)).toEqual([IMAGES, `${IMAGES}.wrong`, 'train-labels-idx1-ubyte.gz'].sort());
  for (const name of Object.keys(contents)) expect(isRight(to, name)).toBe(true);
});

test('what a killed process left is continued, what a living one writes is not touched', async () => {
  const to = newFolder();
  const process = otherProcess(to, await mirror(partly(0.5, false)));
  const part = () => (fs.existsSync(raw(to)) ? filesIn(to) : []);
  while (!part().some((name) => fs.statSync(raw(to, name)).size > 0)) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const [name] = part();
  expect(name).toMatch(/^train-images-idx3-ubyte\.gz\.[0-9a-f]{8}-\d+-[0-9a-f]{8}\.part$/);

  const aside = path.join(temporary, 'aside');
  fs.cpSync(to, aside, { recursive: true });
  const beside = await get(aside, [await mirror(good)], {}, imagesOnly);
  expect(beside.files[0].status).toBe('downloaded');
  expect(filesIn(aside)).toEqual([IMAGES, name]);

  process.kill();
  await process.ended;
  const { files } = await get(to, [await mirror(good)]);
  expect(files.map((file) => file.status)).toEqual(['resumed', 'downloaded']);
  expect(filesIn(to)).toEqual(Object.keys(contents));
});

describe('proxies', () => {
  const env = {
    http_proxy: 'http://proxy:3128',
    HTTPS_PROXY: 'secure:3129',
    NO_PROXY: 'localhost, .example.org,example.net:8080',
  };
  test.each([
    ['http://a.com/', 'http://proxy:3128'],
    ['https://a.com/', 'http://secure:3129'],
    ['http://localhost:99/', undefined],
    ['https://www.example.org/', undefined],
    ['https://example.org/', undefined],
    ['http://notexample.org/', 'http://proxy:3128'],
    ['http://example.net:8080/', undefined],
    ['http://example.net/', 'http://proxy:3128'],
  ])('for %s: %s', (address, proxy) => {
    expect(proxyFor(new URL(address), env)).toBe(proxy);
  });

  test('none, all excepted, and an unusable one', () => {
    const url = new URL('http://a.com/');
    expect(proxyFor(url, {})).toBeUndefined();
    expect(proxyFor(url, { ...env, no_proxy: '*' })).toBeUndefined();
    expect(() => proxyFor(url, { http_proxy: 'socks5://proxy' })).toThrow(
      'http_proxy in the environment: no address of an HTTP proxy',
    );
  });

  afterEach(() => {
    delete process.env.http_proxy;
    delete process.env.https_proxy;
  });

  test('is asked instead of the mirror', async () => {
    const to = newFolder();
    const proxy = await mirror(good);
    process.env.http_proxy = new URL(proxy.url).origin;
    const { files } = await get(to, [{ url: 'http://data.invalid/x', requests: [] }]);
    expect(files.map((file) => file.status)).toEqual(['downloaded', 'downloaded']);
    expect(proxy.requests.length).toBe(2);
  });

  test('gets a tunnel for https, and what it says is told', async () => {
    const proxy = await mirror(good);
    const tunnels: string[] = [];
    servers.at(-1)?.on('connect', (request, socket) => {
      tunnels.push(String(request.url));
      socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
    });
    process.env.https_proxy = new URL(proxy.url).origin;
    const mirrors = [{ url: 'https://data.invalid/x', requests: [] }];
    await expect(get(newFolder(), mirrors, { attempts: 1 })).rejects.toThrow(
      /Proxy response \(403\).*\(through the proxy 127\.0\.0\.1:\d+\)/,
    );
    expect(tunnels).toEqual(['data.invalid:443']);
  });
});

test('the embedded data is read without the network', () => {
  const refuse = () => {
    throw new Error('the network was asked');
  };
  const spies = [
    jest.spyOn(net.Socket.prototype, 'connect').mockImplementation(refuse),
    jest.spyOn(dns, 'lookup').mockImplementation(refuse as never),
    jest.spyOn(http, 'request').mockImplementation(refuse),
    jest.spyOn(globalThis, 'fetch').mockImplementation(refuse),
  ];
  try {
    expect(loadDataset('train').length).toBe(60000);
    expect(loadDataset('test').length).toBe(10000);
    for (const spy of spies) expect(spy).not.toHaveBeenCalled();
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
});
