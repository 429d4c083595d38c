/** A folder as a web site for this machine alone. */
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
};

export interface Site {
  /** `http://127.0.0.1:8000/` */
  url: string;
  close(): Promise<void>;
}

/**
 * Serves the files of `folder`, and nothing outside of it, on the loopback address. `port` 0 takes any that is
 * free. Throws InputError when the port is in use, or not ours to take.
 */
export async function serve(folder: string, port: number): Promise<Site> {
  const root = fs.realpathSync.native(folder);
  const server = http.createServer((request, response) => respond(root, request, response));
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const why = error.code === 'EADDRINUSE' ? 'in use already' : messageOf(error);
      reject(new InputError(`port ${port}: ${why}. Name another with --port`));
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

function respond(root: string, request: http.IncomingMessage, response: http.ServerResponse): void {
  const end = (status: number, headers: http.OutgoingHttpHeaders = {}) => {
    response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', ...headers });
    response.end(`${http.STATUS_CODES[status]}\n`);
  };
  const [address] = (request.url ?? '/').split(/[?#]/);
  const found = find(root, address);
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    end(405, { Allow: 'GET, HEAD' });
  } else if (!found) {
    end(404);
  } else if (found.isFolder && !address.endsWith('/')) {
    // Without the slash the page's own links would lead elsewhere.
    end(301, { Location: `./${path.posix.basename(address)}/` });
  } else {
    const page = found.isFolder ? find(root, `${address}index.html`) : found;
    if (page && !page.isFolder) send(page, request.method, response);
    else end(404);
  }
}

function send({ file, size }: Found, method: string, response: http.ServerResponse): void {
  response.writeHead(200, {
    'Content-Type': TYPES[path.extname(file).toLowerCase()] ?? 'application/octet-stream',
    'Content-Length': size,
    'Cache-Control': 'no-store', // tomorrow's model has the same address
    'X-Content-Type-Options': 'nosniff',
  });
  if (method === 'HEAD') response.end();
  // A file that cannot be read ends the connection; a reader who went away needs no answer.
  else pipeline(fs.createReadStream(file), response, () => {});
}

interface Found {
  file: string;
  isFolder: boolean;
  size: number;
}

/** What is asked for; undefined where there is nothing, or where it leads out of `root`. */
function find(root: string, address: string): Found | undefined {
  try {
    const file = fs.realpathSync.native(path.join(root, decodeURIComponent(address)));
    if (file !== root && !file.startsWith(root + path.sep)) return undefined;
    const stat = fs.statSync(file);
    if (!stat.isFile() && !stat.isDirectory()) return undefined; // a pipe would keep us waiting
    return { file, isFolder: stat.isDirectory(), size: stat.size };
  } catch {
    return undefined; // no such file, a path that goes on after a file, a zero byte, a broken escape
  }
}
