/** The proxy settings in the environment, read as curl reads them. undici's EnvHttpProxyAgent differs. */
import { InputError } from '../errors';

/**
 * The proxy for an address, if any: `https_proxy` or `http_proxy`, unless `no_proxy` lists the host. An entry
 * `example.org` includes its subdomains; `host:port` and `*` work too. Lower case takes precedence over upper
 * case. Throws InputError if the variable is not the address of an HTTP proxy.
 */
export function proxyFor(url: URL, env: NodeJS.ProcessEnv): string | undefined {
  const variable = (name: string) => env[name] || env[name.toUpperCase()] || '';
  const name = url.protocol.replace(':', '_proxy');
  const proxy = variable(name);
  if (!proxy) return undefined;
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  const entries = variable('no_proxy').toLowerCase();
  for (const entry of entries.split(/[\s,]+/)) {
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
