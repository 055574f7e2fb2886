/** A private Redis Cluster of three primaries: free loopback ports, a random password, files that are thrown away. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { startServer } from '../../../scripts/services/programs.ts';
import { freePort } from './free-port.ts';

const slotsCount = 16_384;
const nodesCount = 3;
/** How long the nodes may take to know of each other. */
const joinTimeoutMs = 20_000;
const lookIntervalMs = 25;

interface Node {
  readonly port: number;
  readonly busPort: number;
  readonly client: Redis;
}

/** Starts the cluster with the program of a Redis or Valkey server; returns the URL of one node. */
export async function startRedisCluster(command: string, cleanup: AsyncDisposableStack): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'genai-redis-cluster-'));
  cleanup.defer(() => rm(folder, { recursive: true, force: true }));
  const password = randomBytes(16).toString('hex');
  const nodes = await Promise.all(
    Array.from({ length: nodesCount }, () => startNode(command, { folder, password }, cleanup)),
  );
  await Promise.all(
    nodes.map(async ({ client }, index) => {
      const bounds = [index, index + 1].map((count) => Math.floor((slotsCount * count) / nodesCount));
      await client.call('CLUSTER', 'SET-CONFIG-EPOCH', index + 1);
      await client.call('CLUSTER', 'ADDSLOTSRANGE', bounds[0] ?? 0, (bounds[1] ?? 0) - 1);
    }),
  );
  const [first] = nodes;
  if (first === undefined) throw new Error('A cluster has nodes.');
  for (const { port, busPort } of nodes) await first.client.call('CLUSTER', 'MEET', '127.0.0.1', port, busPort);
  await Promise.all(nodes.map(({ client }) => untilComplete(client)));
  for (const { client } of nodes) client.disconnect();
  return `redis://:${password}@127.0.0.1:${first.port}`;
}

async function startNode(
  command: string,
  { folder, password }: { folder: string; password: string },
  cleanup: AsyncDisposableStack,
): Promise<Node> {
  const [port, busPort] = [await freePort(), await freePort()];
  const settings = [
    ...[`port ${port}`, 'bind 127.0.0.1', `requirepass ${password}`, `masterauth ${password}`],
    ...['save ""', 'appendonly no', `dir ${folder}`, 'cluster-enabled yes', `cluster-config-file nodes-${port}.conf`],
    `cluster-port ${busPort}`,
  ];
  await startServer(
    {
      command,
      args: ['-'],
      options: { cwd: folder },
      input: settings.join('\n'),
      ready: 'Ready to accept connections',
      stopSignal: 'SIGKILL',
    },
    cleanup,
  );
  return { port, busPort, client: new Redis({ port, host: '127.0.0.1', password }) };
}

async function untilComplete(client: Redis): Promise<void> {
  for (const endMs = Date.now() + joinTimeoutMs; Date.now() < endMs; ) {
    const info = String(await client.call('CLUSTER', 'INFO'));
    if (info.includes('cluster_state:ok') && info.includes(`cluster_known_nodes:${nodesCount}`)) return;
    await new Promise((resolve) => setTimeout(resolve, lookIntervalMs));
  }
  throw new Error('The nodes of the Redis Cluster did not find each other in time.');
}
