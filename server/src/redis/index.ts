/** Connections to Redis or Valkey, and the scripts that run there. */

export { createRedisPool, type RedisPool } from './redis.ts';
export { createLibrary, createScripts, type LibraryHost, type RunScript, type ScriptInputs } from './script.ts';
