/**
 * Which addresses may be called.
 *
 * Everything is refused that is not ordinary unicast of the public internet, by default and not by a list of known bad
 * ranges: an IPv4 address must be in none of IANA's special-purpose ranges, an IPv6 address in 2000::/3 and in none of
 * them. Where an IPv6 address carries an IPv4 address, because something on the way would translate it, both are judged.
 */

import ipaddr from 'ipaddr.js';
import type { EgressRule } from './refusals.ts';

type Address = ipaddr.IPv4 | ipaddr.IPv6;
type Network = readonly [Address, number];

/** Networks that the operator has opened or closed. */
export interface NetworkPolicy {
  readonly allowed: readonly Network[];
  /** Stronger than `allowed`. */
  readonly denied: readonly Network[];
}

/**
 * Where clouds serve credentials to whoever asks from inside. No setting opens them: a network that an operator allows
 * as a whole often holds one. AWS, Azure, Google and others share 169.254.169.254.
 */
const metadataAddresses = networksFrom([
  '169.254.169.254/32',
  '169.254.169.253/32', // DNS of AWS
  '169.254.169.123/32', // time of AWS
  '169.254.170.0/24', // tasks and pods of AWS
  '169.254.0.23/32', // Tencent
  '169.254.42.42/32', // Scaleway
  '168.63.129.16/32', // host of Azure, in a public range
  '100.100.100.200/32', // Alibaba
  '192.0.0.192/32', // Oracle
  'fd00:ec2::/32', // AWS
  'fd00:42::42/128', // Scaleway
  'fd20:ce::254/128', // Google
  'fe80::a9fe:a9fe/128', // OpenStack
]);

const globalUnicast = ipaddr.parseCIDR('2000::/3');

/** Prefixes in whose last 32 bits an IPv4 address stands: compatible, mapped, translated, NAT64. */
const embedding = networksFrom(['::/96', '::ffff:0:0/96', '::ffff:0:0:0/96', '64:ff9b::/96', '64:ff9b:1::/48']);
const sixToFour = ipaddr.parseCIDR('2002::/16');
const teredo = ipaddr.parseCIDR('2001::/32');

/** Networks from text such as `10.20.0.0/16`; a bare address is a network of one. @throws {Error} for anything else. */
export function networksFrom(texts: readonly string[]): readonly Network[] {
  return texts.map((text) => {
    if (text.includes('/')) return ipaddr.parseCIDR(text);
    const address = ipaddr.parse(text);
    return [address, address.kind() === 'ipv4' ? 32 : 128];
  });
}

/** The rule that refuses an address; `undefined` when it may be called. */
export function ruleAgainst(text: string, networks: NetworkPolicy): EgressRule | undefined {
  if (isMetadata(text)) return 'address_metadata';
  const mayBeCalled = (address: Address) =>
    !isWithin(address, networks.denied) && (isPublic(address) || isWithin(address, networks.allowed));
  return ipaddr.isValid(text) && formsOf(ipaddr.parse(text)).every(mayBeCalled) ? undefined : 'address';
}

/** Whether an address is that of a cloud's metadata service, in whatever form. */
export function isMetadata(text: string): boolean {
  return ipaddr.isValid(text) && formsOf(ipaddr.parse(text)).some((address) => isWithin(address, metadataAddresses));
}

/** Where a packet to this address may arrive: there, and at the IPv4 addresses that it carries. */
function formsOf(address: Address): readonly Address[] {
  if (address instanceof ipaddr.IPv4) return [address];
  const bytes = address.toByteArray();
  const carried = (from: number, mask = 0) => new ipaddr.IPv4(bytes.slice(from, from + 4).map((byte) => byte ^ mask));
  if (isWithin(address, embedding)) return [address, carried(12)];
  if (address.match(sixToFour)) return [address, carried(2)];
  // Of a server and, inverted, of a client (RFC 4380).
  if (address.match(teredo)) return [address, carried(4), carried(12, 0xff)];
  return isIsatap(bytes) ? [address, carried(12)] : [address];
}

/** The interface part 0000:5efe or 0200:5efe, under any prefix (RFC 5214). */
function isIsatap(bytes: readonly number[]): boolean {
  const [first = 0, second, third, fourth] = bytes.slice(8, 12);
  return (first & 0xfd) === 0 && second === 0 && third === 0x5e && fourth === 0xfe;
}

function isPublic(address: Address): boolean {
  return address.range() === 'unicast' && (address instanceof ipaddr.IPv4 || address.match(globalUnicast));
}

function isWithin(address: Address, networks: readonly Network[]): boolean {
  return networks.some(([network, bits]) => network.kind() === address.kind() && address.match(network, bits));
}
