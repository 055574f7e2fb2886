/**
 * Connections to Redis or Valkey, one server or a cluster; the only place that opens any.
 *
 * Nothing waits for a connection that is broken: commands fail at once, and it is made again in the background. A command
 * whose answer was lost may have been carried out, so only commands that Redis refused are tried again here.
 */

import { once } from 'node:events';
import { Cluster, Redis } from 'ioredis';
import { errorFromAbort } from '../errors.ts';
import { isFunctionMissing, isScriptMissing, translatedFailure, withPatience } from './failures.ts';
import { listenTo, waitSecondsMax } from './listener.ts';
import type { Library, LibraryHost, ScriptHost } from './script.ts';

/** Connections to one Redis. */
export interface RedisPool extends ScriptHost, LibraryHost {
  /** Resolves when Redis can be used, at the latest after the time for connecting. Throws `dependency_unavailable`. */
  readonly ready: () => Promise<void>;
  /** Resolves when Redis answers. Throws `dependency_unavailable`. */
  readonly ping: () => Promise<void>;
  /**
   * Takes what arrives in a list, by a connection of its own, until the returned function is called. Items may be lost when
   * the connection breaks.
   */
  readonly listen: (key: string, onItem: (item: string) => void) => () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** How to connect. */
export interface RedisOptions {
  readonly url: string;
  /** Whether the address is that of a node of a cluster, whose other nodes are then learnt from it. */
  readonly isCluster: boolean;
  /** Further nodes of the cluster to ask, as host:port. */
  readonly clusterNodes: readonly string[];
  readonly poolSize: number;
  readonly connectTimeoutMs: number;
  readonly commandTimeoutMs: number;
  /** Told when a connection breaks; it is made again by itself. */
  readonly onError: (error: Error) => void;
}

/** Longest pause before a broken connection is tried again, in milliseconds. */
const reconnectDelayMsMax = 2000;
/** How often a command follows a slot that moves. */
const redirectionsMax = 5;
const portDefault = 6379;

type Connection = Redis | Cluster;

const isReady = ({ status }: Connection): boolean => status === 'ready';

/** Opens a pool whose connections are made in the background and heal by themselves. */
export function createRedisPool(options: RedisOptions): RedisPool {
  const connections = Array.from({ length: options.poolSize }, () => open(options));
  let next = 0;

  /** The next connection that works, or any when none does. */
  function pick(): Connection {
    next = (next + 1) % connections.length;
    const inTurn = [...connections.slice(next), ...connections.slice(0, next)];
    const picked = inTurn.find(isReady) ?? inTurn[0];
    if (picked === undefined) throw new Error('A pool has at least one connection.');
    return picked;
  }

  return {
    async ready() {
      const signal = AbortSignal.timeout(options.connectTimeoutMs);
      const waiting = connections.filter((connection) => !isReady(connection));
      await Promise.all(waiting.map((connection) => once(connection, 'ready', { signal }))).catch((error: unknown) => {
        throw translatedFailure(error);
      });
    },
    ping: () => translated(async () => void (await pick().ping()), undefined),
    run(script, keys, args, signal) {
      const connection = pick();
      const rest = [...keys, ...args];
      return translated(
        () =>
          connection.evalsha(script.sha1, keys.length, ...rest).catch((error: unknown) => {
            if (!isScriptMissing(error)) throw error;
            return connection.eval(script.source, keys.length, ...rest);
          }),
        signal,
      );
    },
    call(library, functionName, keys, args, signal) {
      const connection = pick();
      const command = () => connection.fcall(`${library.name}_${functionName}`, keys.length, ...keys, ...args);
      return translated(
        () =>
          command().catch(async (error: unknown) => {
            if (!isFunctionMissing(error)) throw error;
            await teach(connection, library);
            return command();
          }),
        signal,
      );
    },
    listen(key, onItem) {
      const commandTimeoutMs = waitSecondsMax * 1000 + options.commandTimeoutMs;
      return listenTo(open({ ...options, commandTimeoutMs }), key, onItem);
    },
    async close() {
      for (const connection of connections) connection.disconnect();
    },
  };
}

/** Gives a library to every server that takes writes; replicas get it from these. */
async function teach(connection: Connection, { source }: Library): Promise<void> {
  const servers = connection instanceof Cluster ? connection.nodes('master') : [connection];
  await Promise.all(servers.map((server) => server.function('LOAD', 'REPLACE', source)));
}

async function translated<T>(command: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  try {
    return await withPatience(command, signal);
  } catch (error) {
    throw signal?.aborted ? errorFromAbort(signal) : translatedFailure(error);
  }
}

function clientOptions({ connectTimeoutMs, commandTimeoutMs }: RedisOptions) {
  return {
    connectTimeout: connectTimeoutMs,
    commandTimeout: commandTimeoutMs,
    maxRetriesPerRequest: 0,
    // After a failover the old address leads to a replica; the new connection finds the new primary.
    reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
  };
}

const retryStrategy = (attempt: number): number => Math.min(reconnectDelayMsMax, attempt * 100);

function open(options: RedisOptions): Connection {
  const connection = options.isCluster ? connectCluster(options) : connect(options);
  return connection.on('error', options.onError);
}

function connect(options: RedisOptions): Redis {
  return new Redis(options.url, { ...clientOptions(options), enableOfflineQueue: false, retryStrategy });
}

function connectCluster(options: RedisOptions): Cluster {
  const { protocol, hostname, port, username, password } = new URL(options.url);
  const nodes = [`${hostname}:${port === '' ? portDefault : port}`, ...options.clusterNodes];
  return new Cluster(nodes, {
    enableOfflineQueue: false,
    maxRedirections: redirectionsMax,
    clusterRetryStrategy: retryStrategy,
    clusterNodeRetryStrategy: retryStrategy,
    slotsRefreshTimeout: options.connectTimeoutMs,
    // Certificates are for names, so names are not resolved before they are checked.
    dnsLookup: (address, callback) => callback(null, address),
    redisOptions: {
      ...clientOptions(options),
      ...(username === '' ? {} : { username: decodeURIComponent(username) }),
      ...(password === '' ? {} : { password: decodeURIComponent(password) }),
      ...(protocol === 'rediss:' ? { tls: {} } : {}),
    },
  });
}
