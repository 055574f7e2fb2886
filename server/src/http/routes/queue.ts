/** Who waits for the model: the caller's tenant for its users, all for operators. */

import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { defineOperation } from '../operation.ts';
import { snakeCased } from '../schemas/snake-case.ts';
import { idOf, tenantTier } from '../schemas/wire.ts';
import { streamEvents } from '../sse.ts';

const standing = z
  .enum(['fresh', 'ready', 'capped'])
  .exactOptional()
  .describe('Nothing in work, below its cap, or at it; missing when nothing waits.');

const ownQueue = z
  .object({
    waiting: z.int().describe('Questions and chats of the tenant that wait for the model.'),
    waiting_detached: z.int().describe('Work that nobody waits for on a connection.'),
    in_work: z.int(),
    queued_cost: z.int().describe('What the waiting questions and chats are expected to cost, in cost units.'),
    standing,
    is_paused: z.boolean(),
  })
  .meta({ id: 'OwnQueue' });

const queue = z
  .object({
    slots: z.int().describe('What may be in work at once.'),
    in_flight: z.int(),
    ghosts: z.int().describe('Slots whose server died a moment ago.'),
    queued_attached: z.int(),
    queued_detached: z.int(),
    dead_letters: z.int(),
    pods: z.int().describe('Servers that take part.'),
    tiers: z.array(
      z.object({
        tier: tenantTier,
        weight: z.int(),
        served_cost: z.int().describe('Cost units served since the pool began.'),
        waiting_tenants: z.int(),
        capped_tenants: z.int(),
      }),
    ),
    tenants: z
      .array(
        z.object({
          tenant_id: idOf('tenant'),
          tier: tenantTier,
          standing,
          is_paused: z.boolean(),
          in_flight: z.int(),
          waiting_attached: z.int(),
          waiting_detached: z.int(),
          queued_cost: z.int(),
          cap_slots: z.int().describe('Slots it may hold while others wait.'),
          share_millionths: z.int().describe('What it is entitled to while all that wait now do.'),
        }),
      )
      .describe('Those that have most waiting for their share, at most 100.'),
  })
  .meta({ id: 'Queue' });

/** A feed ends by itself, and the client asks again: none is for ever. */
const feedEventsMax = 600;
const feedIntervalMs = 1000;

export const queueOperations = [
  defineOperation({
    method: 'GET',
    path: '/api/queue',
    operationId: 'getQueue',
    summary: 'See what of your tenant waits for the model.',
    tag: 'accounting',
    access: { permission: 'usage:read' },
    success: { status: 200, description: 'What waits and what is in work, now.', schema: ownQueue },
    async handle({ services, ctx }) {
      const { tenants } = await services.scheduler.survey(ctx.tenantId);
      const own = tenants[0];
      return {
        waiting: own?.waitingAttached ?? 0,
        waiting_detached: own?.waitingDetached ?? 0,
        in_work: own?.inFlight ?? 0,
        queued_cost: own?.queuedCost ?? 0,
        ...(own?.standing === undefined ? {} : { standing: own.standing }),
        is_paused: own?.isPaused ?? false,
      };
    },
  }),

  defineOperation({
    method: 'GET',
    path: '/api/operator/queue',
    operationId: 'watchQueue',
    summary: 'See who waits for the model.',
    description: 'With `stream` as an event stream: a `queue` event each second, for ten minutes at most.',
    tag: 'operators',
    access: 'operator',
    query: z.strictObject({ stream: z.enum(['true', 'false']).default('false') }),
    success: {
      status: 200,
      description: 'The pool, its tiers, and the tenants that have most waiting.',
      schema: queue,
      mediaTypes: ['text/event-stream'],
    },
    async handle({ services, edge, query, request, reply }) {
      const look = async () => queue.parse(snakeCased(await services.scheduler.survey()));
      if (query.stream === 'false') return look();
      const left = new AbortController();
      const { signal } = left;
      reply.raw.once('close', () => left.abort());
      return streamEvents({ request, reply, ctx: { log: request.log, signal } }, async (send) => {
        for (let events = 0; events < feedEventsMax && !signal.aborted && !edge.isDraining(); events++) {
          send('queue', await look());
          await pause(feedIntervalMs, undefined, { signal }).catch(() => {});
        }
      });
    },
  }),
];
