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
 * Serves the files in `folder`, and nothing outside it, on the loopback address. `port` 0 takes any free port. The
 * files in the subfolder `fixed` are read now and kept in memory: another process may replace them.
 * Throws InputError if the port is in use or needs more rights.
 */
export async function serve(folder: string, port: number, fixed?: string): Promise<Site> {
  const root = fs.realpathSync.native(folder);
  const place: Place = { root };
  if (fixed) {
    const fixedFolder = path.join(root, fixed);
    place.fixed = { folder: fixedFolder, files: contentOf(fixedFolder) };
  }
  const server = http.createServer((request, response) => respond(place, request, response));
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

interface Place {
  root: string;
  /** A folder whose files are served from memory, by their paths. */
  fixed?: { folder: string; files: Map<string, Buffer> };
}

/** The files in `folder` as they are now; none if there is no such folder. */
function contentOf(folder: string): Map<string, Buffer> {
  const names = fs.existsSync(folder) ? fs.readdirSync(folder) : [];
  const files = names.map((name) => path.join(folder, name));
  return new Map(files.map((file) => [file, fs.readFileSync(file)]));
}

function respond(
  place: Place,
  { method = '', url = '/' }: http.IncomingMessage,
  response: http.ServerResponse,
) {
  const end = (status: number, headers: http.OutgoingHttpHeaders = {}) => {
    response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', ...headers });
    response.end(`${http.STATUS_CODES[status]}\n`);
  };
  if (method !== 'GET' && method !== 'HEAD') return end(405, { Allow: 'GET, HEAD' });
  const [address] = url.split(/[?#]/);
  let found = find(place, address);
  if (found?.stat?.isDirectory()) {
    // Without the slash, the page's relative links would point to the parent folder.
    if (!address.endsWith('/')) return end(301, { Location: `./${path.posix.basename(address)}/` });
    found = find(place, `${address}index.html`);
  }
  // Only regular files: reading a named pipe would block.
  if (!found?.content && !found?.stat?.isFile()) return end(404);
  const { file, content, stat } = found;
  response.writeHead(200, {
    'Content-Type': TYPES[path.extname(file).toLowerCase()] ?? 'application/octet-stream',
    'Content-Length': content?.length ?? stat?.size,
    'Cache-Control': 'no-store', // the next model has the same address
    'X-Content-Type-Options': 'nosniff',
    // Only an isolated page may share memory between threads.
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Embedder-Policy': 'require-corp',
  });
  if (method === 'HEAD') response.end();
  else if (content) response.end(content);
  // On an error, `pipeline` closes the connection. Nothing more can be done after the header.
  else pipeline(fs.createReadStream(file), response, () => {});
}

/** The file or folder at `address`. Undefined if there is none or it is outside the root. */
function find(
  { root, fixed }: Place,
  address: string,
): { file: string; content?: Buffer; stat?: fs.Stats } | undefined {
  try {
    const asked = path.join(root, decodeURIComponent(address));
    if (fixed && asked.startsWith(fixed.folder + path.sep)) {
      return { file: asked, content: fixed.files.get(asked) };
    }
    // The real path: a symbolic link must not lead out of the folder.
    const file = fs.realpathSync.native(asked);
    const isInside = file === root || file.startsWith(root + path.sep);
    return isInside ? { file, stat: fs.statSync(file) } : undefined;
  } catch {
    return undefined; // missing, below a file, or not a valid path
  }
}
