import { boolean, integer, list, optionalUrl } from '../setting.ts';

/** Redis 7 or Valkey 8; without it the server is the only one on its data. */
export const redis = {
  url: optionalUrl({
    env: 'REDIS_URL',
    schemes: ['redis', 'rediss'],
    secret: true,
    description: 'Redis or Valkey shared by all server processes; empty means that there is one process.',
  }),
  isCluster: boolean({
    env: 'REDIS_CLUSTER',
    default: false,
    description: 'Whether REDIS_URL is a node of a Redis Cluster; the other nodes are learnt from it.',
  }),
  clusterNodes: list({
    env: 'REDIS_CLUSTER_NODES',
    description: 'Further nodes of the cluster as host:port, asked when that of REDIS_URL does not answer.',
  }),
  poolSize: integer({
    env: 'REDIS_POOL_SIZE',
    default: 2,
    min: 1,
    max: 64,
    unit: 'count',
    description: 'Connections of this process to Redis.',
  }),
  connectTimeoutMs: integer({
    env: 'REDIS_CONNECT_TIMEOUT_MS',
    default: 5000,
    min: 100,
    max: 60_000,
    unit: 'milliseconds',
    description: 'How long opening a connection may take.',
  }),
  commandTimeoutMs: integer({
    env: 'REDIS_COMMAND_TIMEOUT_MS',
    default: 1000,
    min: 10,
    max: 60_000,
    unit: 'milliseconds',
    description: 'How long a command may take.',
  }),
};
