/** Where the workers of a training listen. */
import type { LookupAddress } from 'node:dns';
import { lookup } from 'node:dns/promises';
import net from 'node:net';
import os from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { listOf, objectOf, optional, text, wholeNumber } from '../checks';
import { InputError } from '../errors';
import { readJson } from '../files';

/** Parses `host-a:5000,host-b:5000`. Throws InputError if an address is wrong or listed twice. */
export function parseAddresses(list: string): string[] {
  const addresses = list.split(',').map((address) => address.trim());
  for (const [i, address] of addresses.entries()) {
    const port = portOf(address);
    if (!/^(\[[^\]]+\]|[^\s:[\]]+):\d+$/.test(address) || port < 1 || port > 65535) {
      throw new InputError(`cluster: '${address}' is not an address, want host:port`);
    }
    if (addresses.indexOf(address) !== i)
      throw new InputError(`cluster: ${address} is listed twice`);
  }
  return addresses;
}

/** Reads `{"workers": ["host-a:5000", "host-b:5000"], "worker": 0}`; `worker` may be missing. */
export function readClusterFile(file: string): { addresses: string[]; index?: number } {
  const wanted = objectOf({ workers: listOf(text), worker: optional(wholeNumber) });
  const { workers, worker } = readJson(file, wanted);
  return { addresses: parseAddresses(workers.join(',')), index: worker };
}

export const portOf = (address: string) => Number(address.slice(address.lastIndexOf(':') + 1));

export const hostOf = (address: string) =>
  address.slice(0, address.lastIndexOf(':')).replace(/^\[|\]$/g, '');

const RETRY_MS = 500;

/** Networks that are not reachable from the internet: RFC 1918, RFC 4193, loopback and link-local addresses. */
const PRIVATE = new net.BlockList();
PRIVATE.addSubnet('10.0.0.0', 8);
PRIVATE.addSubnet('172.16.0.0', 12);
PRIVATE.addSubnet('192.168.0.0', 16);
PRIVATE.addSubnet('127.0.0.0', 8);
PRIVATE.addSubnet('169.254.0.0', 16);
PRIVATE.addSubnet('fc00::', 7, 'ipv6');
PRIVATE.addSubnet('fe80::', 10, 'ipv6');
PRIVATE.addAddress('::1', 'ipv6');

/** The addresses of a host name. Undefined if it cannot be resolved. */
export async function resolve(host: string): Promise<LookupAddress[] | undefined> {
  return lookup(host, { all: true }).catch(() => undefined);
}

/** Which of the workers runs on this machine. Throws InputError unless it is exactly one. */
export async function ownIndex(addresses: readonly string[]): Promise<number> {
  const here = Object.values(os.networkInterfaces()).flatMap((all) =>
    all!.map(({ address }) => address),
  );
  const found: number[] = [];
  for (const [i, address] of addresses.entries()) {
    const resolved = (await resolve(hostOf(address))) ?? [];
    if (resolved.some((each) => here.includes(each.address))) found.push(i);
  }
  if (found.length === 1) return found[0];
  const which = found.length === 0 ? 'none' : found.join(' and ');
  throw new InputError(
    `of the workers in the cluster, ${which} run on this machine: choose one with --worker`,
  );
}

/**
 * Throws InputError if a host has an address that is neither private nor loopback, or if its name still cannot be
 * resolved after `seconds`: in a cluster, names may appear when the machines start.
 */
export async function checkPrivate(addresses: readonly string[], seconds: number): Promise<void> {
  const end = performance.now() + 1000 * seconds;
  for (const host of new Set(addresses.map(hostOf))) {
    let found = await resolve(host);
    while (!found && performance.now() < end) {
      await setTimeout(RETRY_MS);
      found = await resolve(host);
    }
    if (!found)
      throw new InputError(`cluster: ${host} cannot be resolved after ${seconds} seconds`);
    for (const { address, family } of found) {
      if (PRIVATE.check(address, family === 6 ? 'ipv6' : 'ipv4')) continue;
      const which = address === host ? host : `${host} (${address})`;
      throw new InputError(
        `cluster: ${which} is not an address of a private network. Workers use neither a password nor encryption: ` +
          'anyone who can reach their ports can run code. If you trust this network, pass --trust-network',
      );
    }
  }
}
