/** One attempt to fetch one file over HTTP. If it fails, the error is a short reason. `download.ts` retries. */
import http from 'node:http';
import type { Dispatcher } from 'undici';
import { InputError, messageOf } from '../errors';

/** Why an attempt failed: `403 Forbidden`, `no bytes for 20 s`. */
export class FetchError extends Error {
  override name = 'FetchError';
  constructor(
    message: string,
    /** The seconds to wait before another attempt. Undefined if another attempt is pointless. */
    readonly retryAfter?: number,
  ) {
    super(message);
  }
}

/**
 * Yields the pieces of a file of `bytes` bytes with their positions: those from `start` on, or all if the server
 * cannot continue there. Fails if nothing arrives for `stallSeconds`.
 *
 * Throws FetchError, InputError for unusable proxy settings, and the signal's reason if it is aborted.
 */
export async function* fetchFile(
  address: URL,
  start: number,
  bytes: number,
  stallSeconds: number,
  signal?: AbortSignal,
): AsyncGenerator<{ position: number; piece: Uint8Array }> {
  if (start === bytes) return;
  let position = start;
  const cutOff = () =>
    new FetchError(`cut off after ${count(position)} of ${count(bytes)} bytes`, 0);
  const agent = await openAgent();
  const stall = new AbortController();
  const stalled = new FetchError(`no bytes for ${stallSeconds} s`, 0);
  const timer = setTimeout(() => stall.abort(stalled), stallSeconds * 1000);
  const eitherSignal = AbortSignal.any([stall.signal, signal ?? stall.signal]);
  try {
    let response = await request(agent, address, position, eitherSignal);
    if (position > 0 && !continues(response, position, bytes)) {
      position = 0;
      const isUseless = [206, 416].includes(response.statusCode);
      if (isUseless) response = await request(agent, address, 0, eitherSignal);
    }
    checkHead(response, position, bytes);
    for await (const piece of response.body as AsyncIterable<Uint8Array>) {
      if (position + piece.length > bytes) {
        throw new FetchError(`more than the expected ${count(bytes)} bytes`);
      }
      yield { position, piece };
      position += piece.length;
      timer.refresh();
    }
    if (position < bytes) throw cutOff();
  } catch (error) {
    if (error instanceof FetchError || signal?.aborted) throw error;
    // If a host has several addresses, Node throws an AggregateError without a message.
    const cause: NodeJS.ErrnoException = (error as AggregateError).errors?.[0] ?? error;
    if (/UND_ERR_SOCKET|ECONNRESET|EPIPE/.test(cause.code ?? '')) throw cutOff();
    const [firstLine] = messageOf(cause).split('\n');
    throw new FetchError(firstLine, cause.code === 'ETIMEDOUT' ? 0 : undefined);
  } finally {
    clearTimeout(timer);
    await agent.destroy();
  }
}

/** Follows redirects, and uses the proxies that the environment names. */
async function openAgent(): Promise<Dispatcher> {
  // Loads slowly, and most programs never download.
  const { EnvHttpProxyAgent, interceptors } = await import('undici');
  const proxy = (name: string) => {
    const value = process.env[name] || process.env[name.toUpperCase()];
    return value && !value.includes('://') ? `http://${value}` : value;
  };
  try {
    return new EnvHttpProxyAgent({
      httpProxy: proxy('http_proxy'),
      httpsProxy: proxy('https_proxy'),
      proxyTunnel: false, // many proxies allow tunnels for https only
      headersTimeout: 0, // `fetchFile` does the timing
      bodyTimeout: 0,
      connectTimeout: 0,
    }).compose(interceptors.redirect({ maxRedirections: 5 }));
  } catch (error) {
    throw new InputError(`http_proxy, https_proxy in the environment: ${messageOf(error)}`);
  }
}

async function request(agent: Dispatcher, address: URL, start: number, signal: AbortSignal) {
  // Not `fetch`: it would unpack a .gz file that the server declares as compressed.
  const response = await agent.request({
    method: 'GET',
    origin: address.origin,
    path: address.pathname,
    signal,
    headers: {
      // Size and MD5 are those of the file, not of a compressed transfer.
      'accept-encoding': 'identity',
      'user-agent': 'alexnet-mnist-typescript',
      ...(start > 0 && { range: `bytes=${start}-` }),
    },
  });
  // A body that nobody reads fails when the agent is destroyed.
  response.body.on('error', () => {});
  return response;
}

type Head = Pick<Dispatcher.ResponseData, 'statusCode' | 'headers'>;

/** Whether a response has the bytes of the file from `start` on, but not those before. */
function continues({ statusCode, headers }: Head, start: number, bytes: number): boolean {
  return statusCode === 206 && headers['content-range'] === `bytes ${start}-${bytes - 1}/${bytes}`;
}

/** Throws FetchError if the response does not have the bytes of the file from `start` on. */
function checkHead({ statusCode, headers }: Head, start: number, bytes: number): void {
  if (start === 0 && statusCode !== 200) {
    const wait = Number(headers['retry-after']) || 0;
    const isTemporary = statusCode >= 500 || statusCode === 408 || statusCode === 429;
    // Not the server's own text: it could contain anything.
    const reason = `${statusCode} ${http.STATUS_CODES[statusCode] ?? ''}`.trim();
    throw new FetchError(
      wait > 0 ? `${reason}, retry after ${wait} s` : reason,
      isTemporary ? wait : undefined,
    );
  }
  if (/\bhtml\b/i.test(String(headers['content-type']))) {
    throw new FetchError('HTML instead of data (a login or error page?)');
  }
  const length = headers['content-length'];
  if (length !== undefined && Number(length) !== bytes - start) {
    throw new FetchError(`Content-Length ${length}, want ${bytes - start}`);
  }
}

function count(bytes: number): string {
  return bytes.toLocaleString('en-US');
}
