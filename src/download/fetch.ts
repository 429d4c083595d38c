/** One attempt to download one file over HTTP. If it fails, the error is a short reason. `download.ts` retries. */
import http from 'node:http';
import type { Dispatcher } from 'undici';
import { InputError, messageOf } from '../errors';
import type { Part } from './part';
import { proxyFor } from './proxy';

/** Why an attempt failed: `403 Forbidden`, `no bytes for 20 s`. */
export class FetchError extends Error {
  override name = 'FetchError';
  constructor(
    message: string,
    /** The seconds that the server asks to wait, or 0. Undefined if another attempt is pointless. */
    readonly retryAfter?: number,
  ) {
    super(message);
  }
}

export interface FetchOptions {
  /** The attempt fails if fewer than 1,024 bytes a second arrive for this long. */
  stallSeconds: number;
  signal?: AbortSignal;
  onBytes?: () => void;
}

const MAX_REDIRECTS = 5;
const MIN_BYTES_PER_SECOND = 1024;
const HTML = 'HTML instead of data (a login or error page?)';

/**
 * Appends the missing bytes to `part`, or starts over if the server cannot continue the file. On return the part
 * has the right size. After an error it keeps the bytes that arrived.
 *
 * Throws FetchError, the InputErrors of `part`, and the signal's reason if it is aborted.
 */
export async function fetchInto(part: Part, address: URL, options: FetchOptions): Promise<void> {
  const { stallSeconds, signal, onBytes } = options;
  const { bytes } = part.want;
  const watch = watchStall(stallSeconds);
  const agent = await openAgent();
  try {
    // Not `fetch`: it would unpack a .gz file that the server declares as compressed.
    const response = await agent.request({
      method: 'GET',
      origin: address.origin,
      path: address.pathname + address.search,
      signal: AbortSignal.any(signal ? [signal, watch.signal] : [watch.signal]),
      headers: {
        // Size and MD5 are those of the file, not of a compressed transfer.
        'accept-encoding': 'identity',
        'user-agent': 'alexnet-mnist-typescript',
        ...(part.length > 0 && { range: `bytes=${part.length}-` }),
      },
    });
    // A body that nobody reads fails when the agent is destroyed.
    response.body.on('error', () => {});
    checkHead(response, part);
    let continues = response.statusCode === 206;
    for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
      if (!continues) {
        // Check first: clearing drops the bytes of an earlier run.
        checkStart(chunk, address);
        part.clear();
        continues = true;
      }
      if (part.length + chunk.length > bytes) {
        part.clear();
        throw new FetchError(`more than the expected ${count(bytes)} bytes`);
      }
      part.append(chunk);
      watch.add(chunk.length);
      onBytes?.();
    }
    if (part.length < bytes) throw cutOff(part);
  } catch (error) {
    if (error instanceof InputError) throw error;
    signal?.throwIfAborted();
    if (watch.signal.aborted) throw watch.signal.reason;
    throw explain(error, address, part);
  } finally {
    watch.stop();
    await agent.destroy();
  }
}

/** Follows redirects, and uses the proxy from the environment, if any. */
async function openAgent(): Promise<Dispatcher> {
  // Loads slowly, and most programs never download.
  const { Agent, interceptors, Pool, ProxyAgent } = await import('undici');
  // watchStall does the timing.
  const timing = { headersTimeout: 0, bodyTimeout: 0, connectTimeout: 0 };
  const agent = new Agent({
    ...timing,
    factory(origin, options) {
      const uri = proxyFor(new URL(origin), process.env);
      return uri
        ? new ProxyAgent({ ...timing, uri, proxyTunnel: false })
        : new Pool(origin, options);
    },
  });
  return agent.compose(interceptors.redirect({ maxRedirections: MAX_REDIRECTS }));
}

/** Throws FetchError unless status and headers announce the bytes that `part` lacks, or the whole file. */
function checkHead(response: Dispatcher.ResponseData, part: Part): void {
  const { statusCode: status, headers } = response;
  const start = part.length;
  const { bytes } = part.want;
  if (status === 416 && start > 0) {
    part.clear();
    throw new FetchError('416: the server cannot continue the file', 0);
  }
  if (status !== 200 && status !== 206) {
    const isTemporary = status >= 500 || status === 408 || status === 429;
    const isRedirect = status >= 300 && status < 400;
    // Not the server's own text: it could contain anything.
    const text = isRedirect
      ? `without a location, or after ${MAX_REDIRECTS} redirects`
      : (http.STATUS_CODES[status] ?? '');
    throw new FetchError(
      `${status} ${text}`.trim(),
      isTemporary ? secondsOf(headers['retry-after']) : undefined,
    );
  }
  if (/\bhtml\b/i.test(String(headers['content-type']))) throw new FetchError(HTML);
  if (status === 206) {
    const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(String(headers['content-range']));
    if (Number(range?.[1]) !== start || !['*', String(bytes)].includes(range?.[2] ?? '')) {
      part.clear(); // so that the next attempt asks for the whole file
      const got = range ? `bytes ${range[1]} … of ${range[2]}` : 'no valid Content-Range';
      throw new FetchError(
        `206 with ${got}, want bytes ${start} … of ${bytes}`,
        start > 0 ? 0 : undefined,
      );
    }
  }
  const length = headers['content-length'];
  const want = status === 206 ? bytes - start : bytes;
  if (length !== undefined && Number(length) !== want) {
    throw new FetchError(`Content-Length ${length}, want ${want}`);
  }
}

/** Throws FetchError if a .gz file does not start like one. */
function checkStart(chunk: Uint8Array, address: URL): void {
  if (!address.pathname.endsWith('.gz') || chunk[0] === 0x1f) return;
  const isHtml = /^\s*</.test(Buffer.from(chunk.subarray(0, 64)).toString('latin1'));
  throw new FetchError(isHtml ? HTML : 'not a gzip file');
}

/** The value of Retry-After, a number or a date, in seconds; 0 if there is none. */
function secondsOf(header: string | string[] | undefined): number {
  const text = String(header);
  const seconds = /^\d+$/.test(text) ? Number(text) : (Date.parse(text) - Date.now()) / 1000;
  return Math.max(0, seconds) || 0;
}

/** A signal that aborts if nothing arrives, or so little that the download would take hours. */
function watchStall(seconds: number) {
  const controller = new AbortController();
  let arrived = 0;
  const timer = setTimeout(() => {
    const what = arrived === 0 ? 'no bytes for' : `only ${count(arrived)} bytes in`;
    controller.abort(new FetchError(`${what} ${seconds} s`, 0));
  }, seconds * 1000);
  return {
    signal: controller.signal,
    add(bytes: number) {
      arrived += bytes;
      if (arrived < seconds * MIN_BYTES_PER_SECOND) return;
      arrived = 0;
      timer.refresh();
    },
    stop: () => clearTimeout(timer),
  };
}

function cutOff({ length, want }: Part): FetchError {
  return new FetchError(`cut off after ${count(length)} of ${count(want.bytes)} bytes`, 0);
}

/** Network errors that a second attempt does not fix. */
const LASTING: Record<string, string> = {
  ECONNREFUSED: 'connection refused',
  ENOTFOUND: 'no such host (no network?)',
  EAI_AGAIN: 'the host name cannot be looked up (no network?)',
  ENETUNREACH: 'no network',
};

function explain(error: unknown, address: URL, part: Part): FetchError {
  if (error instanceof FetchError) return error;
  const proxy = proxyFor(address, process.env);
  const through = proxy ? ` (through the proxy ${new URL(proxy).host})` : '';
  // If a host has several addresses, Node throws an AggregateError without a message.
  const first = (error as { errors?: unknown[] }).errors?.[0] ?? error;
  const code = String((first as { code?: unknown }).code ?? '');
  if (LASTING[code]) return new FetchError(LASTING[code] + through);
  if (['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'].includes(code)) return cutOff(part);
  const isLasting = /CERT|ALTNAME|SELF_SIGNED|VERIFY|INVALID/.test(code);
  const firstLine = messageOf(first).split('\n')[0].slice(0, 200);
  return new FetchError((firstLine || code) + through, isLasting ? undefined : 0);
}

function count(bytes: number): string {
  return bytes.toLocaleString('en-US');
}
