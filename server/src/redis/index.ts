/** Connections to Redis or Valkey. */

export { createRedisPool, type RedisPool } from './redis.ts';
