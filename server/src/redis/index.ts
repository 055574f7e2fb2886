/** Connections to Redis or Valkey, and the scripts that run there. */

export { createRedisPool, type RedisPool } from './redis.ts';
export { createScripts, type RunScript, type ScriptHost, type ScriptInputs } from './script.ts';
