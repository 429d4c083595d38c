/** The proxy settings in the environment, read as curl reads them. (undici's own reader differs.) */
import { InputError } from '../errors';

/**
 * The proxy for an address, if any: `https_proxy` or `http_proxy`, unless `no_proxy` lists the host
 * (`example.org` includes its subdomains; also `host:port` and `*`). Lower case wins over upper case.
 * Throws InputError if the variable holds no usable address.
 */
export function proxyFor(url: URL, env: NodeJS.ProcessEnv): string | undefined {
  const variable = (name: string) => env[name] || env[name.toUpperCase()] || '';
  const name = url.protocol.replace(':', '_proxy');
  const proxy = variable(name);
  if (!proxy) return undefined;
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  for (const entry of variable('no_proxy')
    .toLowerCase()
    .split(/[\s,]+/)) {
    if (entry === '*') return undefined;
    const [, host, onlyPort = port] = /^(?:\*?\.)?(.+?)(?::(\d+))?$/.exec(entry) ?? [];
    if (host && onlyPort === port && `.${url.hostname}`.endsWith(`.${host}`)) return undefined;
  }
  const address = proxy.includes('://') ? proxy : `http://${proxy}`;
  if (!/^https?:/.test(address) || !URL.canParse(address)) {
    throw new InputError(`${name} in the environment: not the address of an HTTP proxy`);
  }
  return address;
}
