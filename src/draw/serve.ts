/** Serves a folder as a web site on this machine only. */
import fs from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import send from 'send';
import { InputError, messageOf } from '../errors';

export interface Site {
  /** For example `http://127.0.0.1:8000/`. */
  url: string;
  close(): Promise<void>;
}

const HEADERS = {
  'Cache-Control': 'no-store', // the next model has the same address
  'X-Content-Type-Options': 'nosniff',
  // Only an isolated page may share memory between threads.
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

/**
 * Serves the files in `folder`, and nothing outside it, on the loopback address. `port` 0 takes any free port. The
 * files in the subfolder `fixed` are read now and kept in memory: another process may replace them.
 * Throws InputError if the port is in use or needs more rights.
 */
export async function serve(folder: string, port: number, fixed?: string): Promise<Site> {
  const root = fs.realpathSync(folder);
  const kept = fixed === undefined ? undefined : contentOf(path.join(root, fixed));
  const server = http.createServer((request, response) => {
    const address = (request.url ?? '/').split('?')[0];
    const end = (status: number, content?: Buffer) => {
      response.writeHead(status).end(content ?? `${http.STATUS_CODES[status]}\n`);
    };
    for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD');
      end(405);
    } else if (kept && address.startsWith(`/${fixed}/`)) {
      const content = kept.get(path.basename(address));
      end(content ? 200 : 404, content);
    } else if (!isInside(root, address)) {
      end(404);
    } else {
      send(request, address, { root, cacheControl: false, etag: false, lastModified: false })
        .on('error', ({ status }) => (response.headersSent ? response.destroy() : end(status)))
        .pipe(response);
    }
  });
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

/** The files in `folder` by name; none if there is no such folder. */
function contentOf(folder: string): Map<string, Buffer> {
  const names = fs.existsSync(folder) ? fs.readdirSync(folder) : [];
  return new Map(names.map((name) => [name, fs.readFileSync(path.join(folder, name))]));
}

/** Whether an address exists in `root`. A symbolic link must not lead out of it. */
function isInside(root: string, address: string): boolean {
  try {
    const place = fs.realpathSync(path.join(root, decodeURIComponent(address)));
    return place === root || place.startsWith(root + path.sep);
  } catch {
    return false; // missing, or not a valid path
  }
}
