/**
 * Looks up names that strangers may have chosen.
 *
 * It asks the name servers of this machine directly. The system's own resolver would run on the threads that files and
 * password hashes need, and cannot be stopped: four names whose servers never answer would hold up the whole process.
 * The hosts file and search domains of the machine do not apply; a name means the same as everywhere else.
 */

import { Resolver } from 'node:dns/promises';

/** Finds all addresses of a name, within a time. */
export type Resolve = (host: string, timeoutMs: number) => Promise<readonly string[]>;

/** How often a name server is asked. */
const triesMax = 2;

/** Never sent to a name server (RFC 6761). */
const loopbackName = /(^|\.)localhost$/;

/** All addresses of a name, IPv4 first. @throws {Error} with a code of node:dns when there are none or it takes too long. */
export const resolvePublicly: Resolve = async (host, timeoutMs) => {
  if (loopbackName.test(host)) return ['127.0.0.1', '::1'];
  const resolver = new Resolver({ timeout: Math.ceil(timeoutMs / triesMax), tries: triesMax });
  const timer = setTimeout(() => resolver.cancel(), timeoutMs);
  try {
    const [ipv4, ipv6] = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)]);
    if (ipv4.status === 'rejected' && ipv6.status === 'rejected') throw ipv4.reason;
    return [ipv4, ipv6].flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
  } finally {
    clearTimeout(timer);
  }
};
