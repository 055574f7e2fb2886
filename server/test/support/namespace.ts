/**
 * Runs a script in a network namespace of its own: no interface but loopback, every address in the world is this machine,
 * and the only name server is 127.0.0.1. What is sent there can go nowhere else.
 */

import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const timeoutMs = 180_000;

/** The one address in the namespace that is not this machine's. */
export const unreachableAddress = '93.184.218.1';

/** Whether this process may make one; it takes Linux, root or the like, and the programs unshare and ip. */
export function canMakeNamespaces(): boolean {
  try {
    execFileSync('unshare', ['--net', '--mount', 'ip', 'link', 'set', 'lo', 'up'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Runs a TypeScript file there, with an argument; resolves with what it wrote to stdout. Rejects with its stderr when it fails. */
export async function runInNamespace(script: string, argument: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'genai-namespace-'));
  const resolver = join(folder, 'resolv.conf');
  writeFileSync(resolver, 'nameserver 127.0.0.1\noptions timeout:2 attempts:1\n');
  const setUp = [
    'set -e',
    'mount --bind "$1" "$(readlink -f /etc/resolv.conf)"',
    'ip link set lo up',
    'ip route add local 0.0.0.0/0 dev lo',
    // A public address where nobody is, so that whoever connects goes on to the next.
    `ip route add unreachable ${unreachableAddress} table local`,
    'ip -6 route add local ::/0 dev lo 2>/dev/null || true',
    'exec "$2" "$3" "$4"',
  ].join('\n');
  const args = ['--net', '--mount', 'sh', '-c', setUp, 'sh', resolver, process.execPath, script, argument];
  try {
    return (await promisify(execFile)('unshare', args, { timeout: timeoutMs, maxBuffer: 16 * 2 ** 20 })).stdout;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
