/**
 * Where a session is used from, in words by which people recognise their own devices.
 *
 * Of the address only its network is kept, and that sealed: enough to notice a foreign country, too little to find a home.
 */

import ipaddr from 'ipaddr.js';
import type { Cell, TenantVault } from '../../vault/index.ts';

/** What a request tells of where it comes from. */
export interface Origin {
  readonly userAgent?: string | undefined;
  readonly address?: string | undefined;
}

const userAgentLengthMax = 256;
/** What providers give to a household or an office: a /24 of IPv4 has 256 neighbours, a /48 of IPv6 is one site. */
const prefixLengths = { ipv4: 24, ipv6: 48 } as const;

/** Where the network of a session is sealed. */
function networkCell(sessionId: string): Cell {
  return { table: 'sessions', rowId: sessionId, column: 'network' };
}

/** What is stored of an origin; what is not known is null. */
export function originColumns(vault: TenantVault, sessionId: string, { userAgent, address }: Origin) {
  const network = address === undefined ? undefined : networkPrefixOf(address);
  return {
    userAgent: userAgent?.replace(/\p{Cc}/gu, ' ').slice(0, userAgentLengthMax) ?? null,
    networkSealed: network === undefined ? null : vault.seal(networkCell(sessionId), network, 'secret'),
  };
}

/** The network of a session; null when it is not known. */
export function openNetwork(vault: TenantVault, sessionId: string, sealed: Uint8Array | null): string | null {
  return sealed === null ? null : vault.open(networkCell(sessionId), sealed);
}

/** The network of an address, `203.0.113.0/24` say; `undefined` when it is no address. */
export function networkPrefixOf(address: string): string | undefined {
  const [bare = ''] = address.split('%');
  if (!ipaddr.isValid(bare)) return undefined;
  const parsed = ipaddr.process(bare);
  const length = prefixLengths[parsed.kind()];
  const network =
    parsed.kind() === 'ipv4'
      ? ipaddr.IPv4.networkAddressFromCIDR(`${parsed}/${length}`)
      : ipaddr.IPv6.networkAddressFromCIDR(`${parsed}/${length}`);
  return `${network}/${length}`;
}

/** Names of programs by what they say of themselves; the first that fits, since most claim to be others too. */
const programs: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/^genai-cli\b/, 'genai command line'],
  [/\bEdgA?\//, 'Edge'],
  [/\bOPR\//, 'Opera'],
  [/\b(?:Firefox|FxiOS)\//, 'Firefox'],
  [/\b(?:(?:Headless)?Chrome|CriOS|Chromium)\//, 'Chrome'],
  [/\bVersion\/[\d.]+.* Safari\//, 'Safari'],
];
const systems: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/\biPhone\b/, 'iPhone'],
  [/\biPad\b/, 'iPad'],
  [/\bAndroid\b/, 'Android'],
  [/\bCrOS\b/, 'ChromeOS'],
  [/\bWindows\b/, 'Windows'],
  [/\bMac OS X\b/, 'macOS'],
  [/\bLinux\b/, 'Linux'],
];

/** A user agent in words, `Firefox on Linux` say; its first product where nothing is recognised. */
export function deviceFrom(userAgent: string | null): string {
  if (userAgent === null) return 'Unknown device';
  const program = nameIn(userAgent, programs);
  const system = nameIn(userAgent, systems);
  if (program !== undefined) return system === undefined ? program : `${program} on ${system}`;
  const product = /^[\w.-]{1,40}(?=[/ ]|$)/.exec(userAgent)?.[0];
  return system ?? product ?? 'Unknown device';
}

function nameIn(text: string, names: typeof programs): string | undefined {
  return names.find(([pattern]) => pattern.test(text))?.[1];
}
