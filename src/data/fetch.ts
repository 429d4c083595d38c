/**
 * One try to get one file over HTTP: redirects, ranges and time-outs, and in a few words why it went wrong.
 * What to do about it, which mirror and how often, is for `download.ts`.
 */
import http from 'node:http';
import type { Dispatcher } from 'undici';
import { messageOf } from '../errors';
import { type Network, openNetwork, proxyFor } from './network';

/** Where bytes are put, in order. */
export interface Sink {
  /** Bytes that are there. */
  readonly length: number;
  append(chunk: Uint8Array): void;
  /** Forgets all bytes. */
  clear(): void;
}

/** Why a try failed, as `403 Forbidden` or `no bytes for 20 s`. */
export class FetchError extends Error {
  override name = 'FetchError';
  constructor(
    message: string,
    /** Whether another try at the same address makes sense, and after how many seconds it is wanted. */
    readonly retry: boolean | { after: number } = false,
  ) {
    super(message);
  }
}

export interface FetchOptions {
  /** What the file is to have, and so what no answer may exceed. */
  bytes: number;
  /** Ends the try when fewer than 1,024 bytes a second came in so many seconds. */
  stallSeconds: number;
  signal?: AbortSignal;
  onBytes?: () => void;
}

const MAX_REDIRECTS = 5;
const MIN_BYTES_PER_SECOND = 1024;

/**
 * Gets what `sink` lacks of the file, or the whole file where the server cannot continue it. After it the sink
 * holds exactly `bytes` bytes; after a FetchError those that came are kept, to be continued.
 *
 * Throws FetchError, what `sink` throws, and the signal's reason when it is aborted.
 */
export async function fetchInto(sink: Sink, address: URL, options: FetchOptions): Promise<void> {
  const { signal, bytes } = options;
  const network = await openNetwork();
  const watch = watchStall(options.stallSeconds);
  let sinkFailed = false;
  try {
    const response = await get(address, {
      from: sink.length,
      signal: signal ? AbortSignal.any([signal, watch.signal]) : watch.signal,
      network,
    });
    checkHead(response, sink, bytes);
    let continues = response.statusCode === 206;
    for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
      if (!continues) checkStart(chunk, address); // before anything that is there is given up for it
      const length = (continues ? sink.length : 0) + chunk.length;
      if (length > bytes) {
        sink.clear();
        throw new FetchError(`more than the ${count(bytes)} bytes it should have`);
      }
      try {
        if (!continues) sink.clear();
        sink.append(chunk);
      } catch (error) {
        sinkFailed = true;
        throw error;
      }
      continues = true;
      watch.came(chunk.length);
      options.onBytes?.();
    }
  } catch (error) {
    if (sinkFailed) throw error;
    signal?.throwIfAborted();
    if (watch.signal.aborted) throw watch.signal.reason;
    throw explain(error, address, sink.length, bytes);
  } finally {
    watch.stop();
    await network.close();
  }
  if (sink.length < bytes) throw cut(sink.length, bytes);
}

/** The first answer that is no redirect. */
async function get(
  address: URL,
  { from, signal, network }: { from: number; signal: AbortSignal; network: Network },
): Promise<Dispatcher.ResponseData> {
  let url = address;
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    const response = await network.request(url, {
      signal,
      headers: {
        // The bytes as they are: size and MD5 are those of the file, not of a transfer encoding.
        'accept-encoding': 'identity',
        'user-agent': 'alexnet-mnist-typescript',
        ...(from > 0 ? { range: `bytes=${from}-` } : {}),
      },
    });
    const { location } = response.headers;
    if (![301, 302, 303, 307, 308].includes(response.statusCode)) return response;
    if (typeof location !== 'string') throw new FetchError(`${response.statusCode} to nowhere`);
    discard(response);
    const next = URL.canParse(location, url.href) ? new URL(location, url) : undefined;
    if (!next || !/^https?:$/.test(next.protocol)) {
      throw new FetchError(`${response.statusCode} to what is no web address`);
    }
    url = next;
  }
  throw new FetchError(`more than ${MAX_REDIRECTS} redirects`);
}

/** Throws FetchError unless the status and the headers promise what is wanted. */
function checkHead(response: Dispatcher.ResponseData, sink: Sink, bytes: number): void {
  const { statusCode: status, headers } = response;
  const fail = (message: string, retry?: FetchError['retry']): never => {
    discard(response);
    throw new FetchError(message, retry);
  };
  if (status === 416 && sink.length > 0) {
    sink.clear();
    fail('416: it cannot continue the file', true);
  }
  if (status !== 200 && status !== 206) {
    // The reason is the standard's, not the server's: that is text from outside.
    const title = `${status} ${http.STATUS_CODES[status] ?? ''}`.trim();
    const passing = status >= 500 || status === 408 || status === 429;
    const after = passing ? retryAfter(headers['retry-after']) : undefined;
    fail(title, after === undefined ? passing : { after });
  }
  if (/\bhtml\b/i.test(String(headers['content-type'] ?? ''))) fail(HTML);
  if (status === 206) {
    const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(String(headers['content-range'] ?? ''));
    const [start, total] = range ? [Number(range[1]), range[2]] : [];
    if (start !== sink.length || (total !== '*' && Number(total) !== bytes)) {
      const had = sink.length;
      sink.clear(); // so that the next try asks for the whole file
      const got = range ? `bytes ${start} … of ${total}` : 'bytes that it does not name';
      fail(`206 with ${got}, want bytes ${had} … of ${bytes}`, had > 0);
    }
  }
  const length = headers['content-length'];
  const want = status === 206 ? bytes - sink.length : bytes;
  if (length !== undefined && Number(length) !== want) {
    fail(`Content-Length ${Number(length)}, want ${want}`);
  }
}

const HTML = 'HTML instead of data (a log-in or error page?)';

function checkStart(chunk: Uint8Array, address: URL): void {
  if (!address.pathname.endsWith('.gz') || chunk[0] === 0x1f) return;
  const isHtml = /^\s*</.test(Buffer.from(chunk.subarray(0, 64)).toString('latin1'));
  throw new FetchError(isHtml ? HTML : 'no gzip file');
}

/** Drops an answer whose body is not wanted, and the connection with it. */
function discard(response: Dispatcher.ResponseData): void {
  response.body.on('error', () => {}).destroy();
}

/** Seconds, from a number of seconds or a date. */
function retryAfter(header: string | string[] | undefined): number | undefined {
  if (typeof header !== 'string') return undefined;
  const seconds = /^\d+$/.test(header) ? Number(header) : (Date.parse(header) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, seconds) : undefined;
}

/** A signal for when too little comes: nothing, or a drip that would take hours. */
function watchStall(seconds: number) {
  const controller = new AbortController();
  let came = 0;
  const timer = setTimeout(() => {
    const what = came === 0 ? 'no bytes for' : `only ${count(came)} bytes in`;
    controller.abort(new FetchError(`${what} ${seconds} s`, true));
  }, seconds * 1000);
  return {
    signal: controller.signal,
    came(bytes: number) {
      came += bytes;
      if (came < seconds * MIN_BYTES_PER_SECOND) return;
      came = 0;
      timer.refresh();
    },
    stop: () => clearTimeout(timer),
  };
}

function cut(length: number, bytes: number): FetchError {
  return new FetchError(`cut off after ${count(length)} of ${count(bytes)} bytes`, true);
}

/** Network errors that a second try does not mend. */
const LASTING: Record<string, string> = {
  ECONNREFUSED: 'connection refused',
  ENOTFOUND: 'no such host (no network?)',
  EAI_AGAIN: 'the host name cannot be looked up (no network?)',
  ENETUNREACH: 'no network',
};

function explain(error: unknown, address: URL, length: number, bytes: number): FetchError {
  if (error instanceof FetchError) return error;
  const proxy = proxyFor(address, process.env);
  const through = proxy ? ` (through the proxy ${new URL(proxy).host})` : '';
  // Where a host has several addresses, Node gives an AggregateError without a message.
  const first = (error as { errors?: unknown[] }).errors?.[0] ?? error;
  const code = String((first as { code?: unknown }).code ?? '');
  if (LASTING[code]) return new FetchError(LASTING[code] + through);
  if (['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'].includes(code)) return cut(length, bytes);
  const isLasting = /CERT|ALTNAME|SELF_SIGNED|VERIFY|INVALID_ARG/.test(code);
  return new FetchError((firstLine(messageOf(first)) || code) + through, !isLasting);
}

function firstLine(text: string): string {
  return text.split('\n')[0].slice(0, 200);
}

function count(bytes: number): string {
  return bytes.toLocaleString('en-US');
}
