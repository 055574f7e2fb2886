/**
 * What a URL must look like before anybody looks up its host. One parser, that of the URL standard, reads it, and what
 * was read is what is called: the text as it was given is never used again.
 */

import { isIP } from 'node:net';
import type { Config } from '../config/index.ts';
import { type NetworkPolicy, networksFrom, ruleAgainst } from './addresses.ts';
import { EgressRefusal } from './refusals.ts';

/** What may be called. */
export interface EgressPolicy {
  readonly isHttpAllowed: boolean;
  /** Whether a port may be called, beside that of the scheme. */
  readonly isPortAllowed: (port: number) => boolean;
  readonly networks: NetworkPolicy;
}

/** Longest URL, in characters. */
const urlLengthMax = 2048;

const schemePorts: Readonly<Record<string, number>> = { 'https:': 443, 'http:': 80 };

/** Names of metadata services. Whatever they resolve to, nobody means well who names them. */
const metadataNames =
  /^(metadata|metadata\.(goog|google\.internal|azure\.internal|tencentyun\.com|packet\.net|platformequinix\.com)|instance-data(\.ec2\.internal)?)$/;

/** Zones that are never public: RFC 6761, 6762, 7686, 8375, 9476, and what clouds, clusters and routers use. */
const insideZones =
  /(^|\.)(localhost|localdomain|local|internal|intranet|private|corp|home|lan|onion|alt|invalid|home\.arpa|svc|cluster\.local|consul)$/;

/** Labels of letters, digits, hyphens and underscores, as resolvers and certificates know them. */
const hostName = /^(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$/;

/** The policy that the settings ask for. @throws {Error} for networks or ports that are none; config/ has checked them. */
export function policyFrom(settings: Config['egress']): EgressPolicy {
  const ranges = settings.ports.map((range) => range.split('-').map(Number));
  return {
    isHttpAllowed: settings.httpAllowed,
    isPortAllowed: (port) => ranges.some(([from = 0, to = from]) => port >= from && port <= to),
    networks: { allowed: networksFrom(settings.allowedNetworks), denied: networksFrom(settings.deniedNetworks) },
  };
}

/**
 * Reads a URL and refuses it where it breaks a rule that needs no look-up.
 * @throws {EgressRefusal}
 */
export function checkedUrl(text: string, policy: EgressPolicy): URL {
  // The URL standard drops tabs and line ends and turns backslashes; whoever reads the same text otherwise would disagree.
  const url = text.length <= urlLengthMax && !/[\p{Cc}\s\\]/u.test(text) ? URL.parse(text) : null;
  if (url === null) throw new EgressRefusal('url');
  const schemePort = schemePorts[url.protocol];
  if (schemePort === undefined || (url.protocol === 'http:' && !policy.isHttpAllowed))
    throw new EgressRefusal('scheme');
  const authority = /^https?:\/\/([^/?#]+)/i.exec(text)?.[1];
  if (authority === undefined) throw new EgressRefusal('url');
  // Empty user names, too, which the parser forgets.
  if (authority.includes('@')) throw new EgressRefusal('userinfo');
  const port = url.port === '' ? schemePort : Number(url.port);
  if (port !== schemePort && !policy.isPortAllowed(port)) throw new EgressRefusal('port');
  checkHost(url.hostname, policy);
  url.hash = '';
  return url;
}

function checkHost(host: string, { networks }: EgressPolicy): void {
  const address = host.startsWith('[') ? host.slice(1, -1) : host;
  if (isIP(address) !== 0) {
    const rule = ruleAgainst(address, networks);
    if (rule !== undefined) throw new EgressRefusal(rule, address);
    return;
  }
  if (metadataNames.test(host)) throw new EgressRefusal('address_metadata', host);
  // An operator who opens a network of their own has names of their own for it; then the addresses alone decide.
  const mayBeInside = networks.allowed.length > 0;
  const isInside = insideZones.test(host) || !host.includes('.');
  if (!hostName.test(host) || (isInside && !mayBeInside)) throw new EgressRefusal('host', host);
}
