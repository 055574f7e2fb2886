/** Whose address an address is. */

import { isIPv6 } from 'node:net';

/**
 * The network that anonymous requests are counted by: an IPv4 address itself; of an IPv6 address its first 64 bits, since
 * everybody with one has all 2^64 beside it (RFC 6177) and would otherwise never meet a limit.
 */
export function networkOf(address: string): string {
  const [bare = ''] = address.split('%');
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(bare)?.[1];
  if (mapped !== undefined) return mapped;
  if (!isIPv6(bare)) return bare;
  const [head = '', tail] = bare.split('::');
  const groups = groupsOf(head);
  const zeros = tail === undefined ? 0 : 8 - groups.length - groupsOf(tail).length;
  const all = [...groups, ...Array.from({ length: zeros }, () => '0'), ...groupsOf(tail ?? '')];
  const prefix = all.slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16));
  return `${prefix.join(':')}::/64`;
}

function groupsOf(text: string): string[] {
  return text === '' ? [] : text.split(':');
}
