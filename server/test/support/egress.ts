/** The egress client with settings of a test. */

import { tmpdir } from 'node:os';
import { loadConfig } from '../../src/config/index.ts';
import { createEgress, type Egress, type EgressOptions } from '../../src/egress/index.ts';

/** Settings with which a test may call servers of its own on the loopback interface. */
export const loopbackSettings = {
  EGRESS_HTTP_ALLOWED: 'true',
  EGRESS_ALLOWED_NETWORKS: '127.0.0.0/8,::1/128',
  EGRESS_PORTS: '1024-65535',
} as const;

/** Makes a client from environment variables: with none, the defaults. */
export function testEgress(
  environment: Readonly<Record<string, string>> = {},
  options: Omit<EgressOptions, 'settings'> = {},
): Egress {
  const { config } = loadConfig({ environment, directory: tmpdir() });
  return createEgress({ settings: config.egress, ...options });
}
