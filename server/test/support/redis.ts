/** The kinds of Redis that tests run on: the server of the run, and a cluster of three nodes that is started when asked for. */

import { inject } from 'vitest';
import { findOnPath } from '../../../scripts/services/programs.ts';
import { createRedisPool, type RedisPool } from '../../src/redis/index.ts';
import { startRedisCluster } from './redis-cluster.ts';

/** Where a Redis is, and what the settings say of it. */
export interface TestRedisAddress {
  readonly url: string;
  readonly isCluster: boolean;
}

/** A pool of a test. */
export interface TestRedis extends TestRedisAddress {
  readonly pool: RedisPool;
  readonly close: () => Promise<void>;
}

const redisUrl = inject('redisUrl');
const program = findOnPath('redis-server', 'valkey-server');

/** A kind of Redis. */
export interface TestRedisKind {
  readonly name: string;
  readonly isCluster: boolean;
  readonly open: () => Promise<TestRedis>;
}

const single = (url: string): TestRedisKind => ({
  name: 'Redis',
  isCluster: false,
  open: () => openRedis({ url, isCluster: false }),
});
const cluster = (command: string): TestRedisKind => ({
  name: 'a Redis Cluster',
  isCluster: true,
  open: () => openCluster(command),
});

/** Those that this machine has. The single server keeps what other tests write: use keys of your own. */
export const testRedisKinds: readonly TestRedisKind[] = [
  ...(redisUrl === undefined ? [] : [single(redisUrl)]),
  ...(program === undefined ? [] : [cluster(program)]),
];

/** A pool on a server, ready for use. */
export async function openRedis(address: TestRedisAddress): Promise<TestRedis> {
  const pool = poolOn(address);
  await pool.ready();
  return { ...address, pool, close: pool.close };
}

/** A pool that may not be ready. */
export function poolOn(address: TestRedisAddress & { readonly clusterNodes?: readonly string[] }): RedisPool {
  const times = { connectTimeoutMs: 5000, commandTimeoutMs: 5000 };
  return createRedisPool({ clusterNodes: [], ...address, ...times, poolSize: 1, onError: () => {} });
}

async function openCluster(command: string): Promise<TestRedis> {
  const cleanup = new AsyncDisposableStack();
  try {
    const redis = await openRedis({ url: await startRedisCluster(command, cleanup), isCluster: true });
    cleanup.defer(redis.close);
    return { ...redis, close: () => cleanup.disposeAsync() };
  } catch (error) {
    await cleanup.disposeAsync();
    throw error;
  }
}
