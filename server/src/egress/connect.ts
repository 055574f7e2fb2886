/**
 * Opens connections, each to an address that was checked for this connection.
 *
 * A name is resolved once, inside the act of connecting: all its addresses are checked, one bad address refuses them
 * all, and the socket goes to one of exactly these. There is no second look-up whose answer could differ. TLS still
 * verifies the name.
 */

import { lookup as systemLookup } from 'node:dns/promises';
import { isIP, type LookupFunction } from 'node:net';
import { buildConnector } from 'undici';
import { isMetadata, type NetworkPolicy, ruleAgainst } from './addresses.ts';
import { EgressRefusal, type EgressRule } from './refusals.ts';
import { type Resolve, resolvePublicly } from './resolve.ts';

/** Most addresses that one name may have. */
const addressesMax = 64;

/** Where connections may go. */
export interface ConnectOptions {
  /** Who wrote the address down: somebody whom it could serve as a way in, or who runs this server. */
  readonly chosenBy: 'user' | 'operator';
  readonly networks: NetworkPolicy;
  /** For the look-up, the connection and its TLS handshake together. */
  readonly connectTimeoutMs: number;
  /** How names are resolved; a test gives its own. */
  readonly resolve?: Resolve | undefined;
}

/** Makes the function with which undici connects. */
export function createConnector(options: ConnectOptions): buildConnector.connector {
  const { chosenBy, networks, connectTimeoutMs } = options;
  const resolve = options.resolve ?? (chosenBy === 'user' ? resolvePublicly : resolveAsSystem);
  const ruleFor = (address: string): EgressRule | undefined => {
    if (chosenBy === 'user') return ruleAgainst(address, networks);
    return isMetadata(address) ? 'address_metadata' : undefined;
  };

  async function checkedAddresses(host: string): Promise<{ address: string; family: number }[]> {
    const addresses = await resolve(host, connectTimeoutMs);
    if (addresses.length > addressesMax) throw new EgressRefusal('addresses', host);
    for (const address of addresses) {
      const rule = ruleFor(address);
      if (rule !== undefined) throw new EgressRefusal(rule, `${host} is ${address}`);
    }
    return addresses.map((address) => ({ address, family: isIP(address) }));
  }

  /** Called by the socket for names, once, and never for addresses. */
  const lookup: LookupFunction = (host, { all }, callback) => {
    checkedAddresses(host).then(
      (addresses) => {
        const [first] = addresses;
        if (first === undefined) callback(Object.assign(new Error('no address'), { code: 'ENODATA' }), []);
        else if (all === true) callback(null, addresses);
        else callback(null, first.address, first.family);
      },
      (error: Error) => callback(error, []),
    );
  };

  const connect = buildConnector({ lookup, autoSelectFamily: true, allowH2: false, timeout: connectTimeoutMs });
  return (target, callback) => {
    const rule = isIP(target.hostname) === 0 ? undefined : ruleFor(target.hostname);
    if (rule === undefined) connect(target, callback);
    else callback(new EgressRefusal(rule, target.hostname), null);
  };
}

/** What the machine itself would find, with its hosts file: an operator's names are the operator's. */
async function resolveAsSystem(host: string): Promise<readonly string[]> {
  return (await systemLookup(host, { all: true })).map(({ address }) => address);
}
