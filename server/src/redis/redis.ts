/** Connections to Redis or Valkey; the only place that opens any. */

import { Redis } from 'ioredis';
import { AppError } from '../errors.ts';

/** Connections to one Redis. */
export interface RedisPool {
  /** Resolves when Redis answers. Throws `dependency_unavailable`. */
  readonly ping: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** How to connect. */
export interface RedisOptions {
  readonly url: string;
  readonly poolSize: number;
  readonly connectTimeoutMs: number;
  readonly commandTimeoutMs: number;
  /** Told when a connection breaks; it is made again by itself. */
  readonly onError: (error: Error) => void;
}

/** Longest pause before a broken connection is tried again, in milliseconds. */
const reconnectDelayMsMax = 2000;

/** Opens a pool whose connections are made in the background and heal by themselves. */
export function createRedisPool(options: RedisOptions): RedisPool {
  const connections = Array.from({ length: options.poolSize }, () => {
    const connection = new Redis(options.url, {
      connectTimeout: options.connectTimeoutMs,
      commandTimeout: options.commandTimeoutMs,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      retryStrategy: (attempt) => Math.min(reconnectDelayMsMax, attempt * 100),
    });
    connection.on('error', options.onError);
    return connection;
  });
  let next = 0;

  return {
    async ping() {
      next = (next + 1) % connections.length;
      try {
        await connections[next]?.ping();
      } catch (error) {
        throw new AppError('dependency_unavailable', { detail: 'Redis is not available.', cause: error });
      }
    },
    async close() {
      for (const connection of connections) connection.disconnect();
    },
  };
}
