import { boolean, integer, list } from '../setting.ts';

/** Calls to addresses that users write: identity providers, webhooks, pages to ingest. */
export const egress = {
  httpAllowed: boolean({
    env: 'EGRESS_HTTP_ALLOWED',
    default: false,
    description: 'Allows http beside https in addresses that users write.',
  }),
  ports: list({
    env: 'EGRESS_PORTS',
    description:
      'Ports that may be called beside 443, and 80 for http; single ones or ranges, for example 8443,9000-9099.',
  }),
  allowedNetworks: list({
    env: 'EGRESS_ALLOWED_NETWORKS',
    description:
      'Networks that may be called although they are not public, for example 10.20.0.0/16. Metadata services of clouds stay closed.',
  }),
  deniedNetworks: list({
    env: 'EGRESS_DENIED_NETWORKS',
    description: 'Networks that may not be called although they are public, such as those of your own offices.',
  }),
  connectTimeoutMs: integer({
    env: 'EGRESS_CONNECT_TIMEOUT_MS',
    default: 5000,
    min: 50,
    max: 60_000,
    unit: 'milliseconds',
    description: 'How long resolving a name and opening a connection may take together.',
  }),
  idleTimeoutMs: integer({
    env: 'EGRESS_IDLE_TIMEOUT_MS',
    default: 10_000,
    min: 50,
    max: 600_000,
    unit: 'milliseconds',
    description: 'Longest pause within an answer.',
  }),
  timeoutMs: integer({
    env: 'EGRESS_TIMEOUT_MS',
    default: 30_000,
    min: 50,
    max: 3_600_000,
    unit: 'milliseconds',
    description: 'How long a call may take in all, redirects and the whole answer included.',
  }),
  responseBytesMax: integer({
    env: 'EGRESS_RESPONSE_BYTES_MAX',
    default: 10_485_760,
    min: 1024,
    max: 1_073_741_824,
    unit: 'bytes',
    description: 'Longest answer that is taken, as sent and as decompressed.',
  }),
  connectionsMax: integer({
    env: 'EGRESS_CONNECTIONS_MAX',
    default: 64,
    min: 1,
    max: 10_000,
    unit: 'count',
    description: 'Most such calls at once; more are refused.',
  }),
};
