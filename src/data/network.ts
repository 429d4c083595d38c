/** Connections to the web, through the proxy that the environment names. */
import type { Dispatcher } from 'undici';
import { InputError } from '../errors';

export interface Network {
  request(
    url: URL,
    options: { headers: Record<string, string>; signal: AbortSignal },
  ): Promise<Dispatcher.ResponseData>;
  close(): Promise<void>;
}

/** Connections for one file. The library is loaded here: who downloads nothing has no use for it. */
export async function openNetwork(): Promise<Network> {
  const { Agent, ProxyAgent, request } = await import('undici');
  const dispatchers = new Map<string, Dispatcher>();
  // The watch does the timing.
  const timing = { headersTimeout: 0, bodyTimeout: 0, connectTimeout: 0 };
  const dispatcherFor = (url: URL) => {
    const proxy = proxyFor(url, process.env);
    const key = proxy ?? 'direct';
    let dispatcher = dispatchers.get(key);
    if (!dispatcher) {
      dispatcher = proxy
        ? new ProxyAgent({ uri: proxy, proxyTunnel: false, ...timing })
        : new Agent(timing);
      dispatchers.set(key, dispatcher);
    }
    return dispatcher;
  };
  return {
    request: (url, options) => request(url, { ...options, dispatcher: dispatcherFor(url) }),
    async close() {
      await Promise.all([...dispatchers.values()].map((dispatcher) => dispatcher.destroy()));
    },
  };
}

/**
 * The proxy that the environment names for an address, if any: `https_proxy` or `http_proxy` by the scheme of
 * the address, unless `no_proxy` lists its host (`example.org` with its subdomains, `host:port`, `*`). Lower
 * case goes before upper case, as in curl. Throws InputError when a variable holds no address.
 */
export function proxyFor(url: URL, env: NodeJS.ProcessEnv): string | undefined {
  const variable = (name: string) => env[name] || env[name.toUpperCase()] || '';
  const name = `${url.protocol.slice(0, -1)}_proxy`;
  const proxy = variable(name);
  if (!proxy) return undefined;
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  for (const entry of variable('no_proxy')
    .toLowerCase()
    .split(/[\s,]+/)) {
    if (entry === '*') return undefined;
    const [, host, onlyPort] = /^(?:\*?\.)?(.*?)(?::(\d+))?$/.exec(entry) ?? [];
    if (!host || (onlyPort && onlyPort !== port)) continue;
    if (url.hostname === host || url.hostname.endsWith(`.${host}`)) return undefined;
  }
  const address = proxy.includes('://') ? proxy : `http://${proxy}`;
  if (!URL.canParse(address) || !/^https?:/.test(address)) {
    throw new InputError(`${name} in the environment: no address of an HTTP proxy`);
  }
  return address;
}
