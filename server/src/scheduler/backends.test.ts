import { createHash, randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type TestRedis, testRedisKinds } from '../../test/support/redis.ts';
import type { SchedulerBackend } from './backend.ts';
import { createEmbeddedBackend } from './embedded-backend.ts';
import type { Flight, Message, NewJob, Operation } from './kernel/operations.ts';
import { poolKey } from './keys.ts';
import { createRedisBackend } from './redis-backend.ts';
import { conformancePolicy, describeSchedulerConformance, type OpenBackend } from './scheduler.conformance.ts';

/** Loses the state of a pool, as a Redis does that begins anew. */
async function forget({ pool }: TestRedis, name: string): Promise<void> {
  const source = "for _, key in ipairs(redis.call('KEYS', KEYS[1] .. '*')) do redis.call('DEL', key) end";
  await pool.run(
    { name: 'forget', source, sha1: createHash('sha1').update(source).digest('hex') },
    [poolKey(name)],
    [],
  );
}

describeSchedulerConformance('in this process', async (policy, upstreamSlots, now) => {
  const backend = createEmbeddedBackend({ policy, upstreamSlots, now });
  return { backend, close: backend.close };
});

describe.each(testRedisKinds)('on $name', ({ name, open }) => {
  let redis: TestRedis;
  beforeAll(async () => {
    redis = await open();
  });
  afterAll(() => redis?.close());

  const openBackend: OpenBackend = async (policy, upstreamSlots, now) => {
    const inputs = { nowUs: () => now() * 1000, random: randomUUID };
    const backend = createRedisBackend({ redis: redis.pool, pool: randomUUID(), policy, upstreamSlots, inputs });
    return { backend, close: backend.close };
  };
  describeSchedulerConformance(name, openBackend);

  describe('two servers', () => {
    const newJob = (id: string): NewJob => ({
      id,
      kind: 'attached',
      tenantId: 'ten_1',
      tier: 'free',
      weight: 100,
      queueMax: 9,
      estimatedCost: 10,
      priority: 0,
      deadlineMs: Date.now() + 60_000,
      attempts: 0,
    });
    const beat = (podId: string, flights: readonly Flight[] = []): Operation => ({
      type: 'beat',
      podId,
      generation: '',
      workers: 1,
      flights,
    });
    let pool: string;
    let servers: readonly SchedulerBackend[];
    let heard: Message[];
    let stop: () => Promise<void>;

    beforeEach(() => {
      pool = randomUUID();
      heard = [];
      servers = [1, 2].map(() =>
        createRedisBackend({ redis: redis.pool, pool, policy: conformancePolicy, upstreamSlots: 1 }),
      );
    });
    afterEach(() => stop?.());

    /** Lets the second server wait for a slot that the first one has. */
    async function wait(): Promise<Message> {
      const [first, second] = servers as [SchedulerBackend, SchedulerBackend];
      stop = second.listen('pod_2', (message) => heard.push(message));
      await first.transition(beat('pod_1'));
      await second.transition(beat('pod_2'));
      const { messages } = await first.transition({ type: 'enqueue', podId: 'pod_1', job: newJob('job_1') });
      await second.transition({ type: 'enqueue', podId: 'pod_2', job: newJob('job_2') });
      return messages[0] as Message;
    }

    it('share a pool: what one gives back the other is told it may use', async () => {
      const grant = await wait();
      const nonce = 'nonce' in grant ? grant.nonce : '';
      const ends = { outcome: 'done', actualCost: 1, retryAtMs: 0 } as const;
      await servers[0]?.transition({ type: 'settle', podId: 'pod_1', jobId: 'job_1', nonce, ...ends });
      await vi.waitFor(() => expect(heard).toMatchObject([{ type: 'granted', jobId: 'job_2' }]));
    });

    it('take steps that are asked for at one time together, and one that cannot be taken harms no other', async () => {
      await servers[0]?.transition(beat('pod_1'));
      const jobs = [newJob('job_1'), { ...newJob('job_2'), tier: 'unheard_of' }, newJob('job_3')];
      const enqueue = (job: NewJob) => servers[0]?.transition({ type: 'enqueue', podId: 'pod_1', job });
      expect(await Promise.allSettled(jobs.map(enqueue))).toMatchObject([
        { value: { status: 'ok', messages: [{ type: 'granted', jobId: 'job_1' }] } },
        { status: 'rejected' },
        { value: { status: 'ok', messages: [] } },
      ]);
      expect(Object.keys((await servers[1]?.dump())?.jobs ?? {})).toEqual(['job_1', 'job_3']);
    });

    it('begin a new state when the old one is lost, and bring back what they run', async () => {
      const grant = await wait();
      const before = await servers[0]?.dump();
      await forget(redis, pool);
      const nonce = 'nonce' in grant ? grant.nonce : '';
      const flight = { jobId: 'job_1', nonce, progressCost: 70, job: newJob('job_1') };
      const replies = await Promise.all([
        servers[0]?.transition(beat('pod_1', [flight])),
        servers[1]?.transition(beat('pod_2')),
      ]);
      expect(replies).toMatchObject([{ staleJobIds: [], isNewPod: true }, { isNewPod: true }]);
      const after = await servers[1]?.dump();
      expect(after?.generation).not.toBe(before?.generation);
      expect(Object.keys(after?.jobs ?? {})).toEqual(['job_1']);
      expect(after).toMatchObject({ inFlight: 1, generation: replies[0]?.generation });
    });
  });
});
