/** Serves a folder as a web site on this machine only. */
import fs from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { pipeline } from 'node:stream';
import { InputError, messageOf } from '../errors';

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.ipynb': 'application/json',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
};

export interface Site {
  /** For example `http://127.0.0.1:8000/`. */
  url: string;
  close(): Promise<void>;
}

/**
 * Serves the files in `folder`, and nothing outside it, on the loopback address. `port` 0 takes any free port.
 * Throws InputError if the port is in use or needs more rights.
 */
export async function serve(folder: string, port: number): Promise<Site> {
  const root = fs.realpathSync.native(folder);
  const server = http.createServer((request, response) => respond(root, request, response));
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const why = error.code === 'EADDRINUSE' ? 'already in use' : messageOf(error);
      reject(new InputError(`port ${port}: ${why}. Choose another with --port`));
    });
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function respond(
  root: string,
  { method = '', url = '/' }: http.IncomingMessage,
  response: http.ServerResponse,
) {
  const end = (status: number, headers: http.OutgoingHttpHeaders = {}) => {
    response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', ...headers });
    response.end(`${http.STATUS_CODES[status]}\n`);
  };
  if (method !== 'GET' && method !== 'HEAD') return end(405, { Allow: 'GET, HEAD' });
  const [address] = url.split(/[?#]/);
  let found = find(root, address);
  if (found?.stat.isDirectory()) {
    // Without the slash, the page's relative links would point to the parent folder.
    if (!address.endsWith('/')) return end(301, { Location: `./${path.posix.basename(address)}/` });
    found = find(root, `${address}index.html`);
  }
  // Only regular files: reading a named pipe would block.
  if (!found?.stat.isFile()) return end(404);
  response.writeHead(200, {
    'Content-Type': TYPES[path.extname(found.file).toLowerCase()] ?? 'application/octet-stream',
    'Content-Length': found.stat.size,
    'Cache-Control': 'no-store', // the next model has the same address
    'X-Content-Type-Options': 'nosniff',
    // Only an isolated page may share memory between threads.
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Embedder-Policy': 'require-corp',
  });
  if (method === 'HEAD') response.end();
  // On an error, `pipeline` closes the connection. Nothing more can be done after the header.
  else pipeline(fs.createReadStream(found.file), response, () => {});
}

/** The file or folder at `address`. Undefined if there is none or it is outside `root`. */
function find(root: string, address: string): { file: string; stat: fs.Stats } | undefined {
  try {
    // The real path: a symbolic link must not lead out of the folder.
    const file = fs.realpathSync.native(path.join(root, decodeURIComponent(address)));
    const isInside = file === root || file.startsWith(root + path.sep);
    return isInside ? { file, stat: fs.statSync(file) } : undefined;
  } catch {
    return undefined; // missing, below a file, or not a valid path
  }
}
