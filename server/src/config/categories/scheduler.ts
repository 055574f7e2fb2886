import { boolean, choice, integer, number } from '../setting.ts';

function weightOf(tier: string, weight: number) {
  return integer({
    env: `SCHEDULER_WEIGHT_${tier.toUpperCase()}`,
    default: weight,
    min: 1,
    max: 1000,
    unit: 'parts',
    description: `Share of the model capacity of all tenants of tier ${tier} while every tier waits, by weight.`,
  });
}

function offsetOf(priority: number, seconds: number) {
  return integer({
    env: `SCHEDULER_PRIORITY_${priority}_OFFSET_MS`,
    default: seconds * 1000,
    min: 0,
    max: 86_400_000,
    unit: 'milliseconds',
    description: `How much later than it came work of priority ${priority} counts as come, among the work of its tenant.`,
  });
}

function costOf(what: string, weight: number) {
  return number({
    env: `SCHEDULER_COST_${what.toUpperCase()}`,
    default: weight,
    min: 0,
    max: 100,
    unit: 'cost units',
    description: `What a token of ${what} costs of a tenant's fair share. The bill is another matter.`,
  });
}

/** How model work of all tenants shares the model. */
export const scheduler = {
  slots: integer({
    env: 'SCHEDULER_SLOTS',
    default: 64,
    min: 1,
    max: 100_000,
    unit: 'count',
    description: 'Questions and chats that the model works on at once, for all servers together.',
  }),
  isAdaptive: boolean({
    env: 'SCHEDULER_ADAPTIVE',
    default: true,
    description:
      'Whether fewer than SCHEDULER_SLOTS are worked on at once while the model refuses for overload, times out or begins to answer late.',
  }),
  workers: integer({
    env: 'SCHEDULER_WORKERS',
    default: 10,
    min: 1,
    max: 10_000,
    unit: 'count',
    description: 'Questions and chats that one server adds to what may be worked on at once, up to SCHEDULER_SLOTS.',
  }),
  queueMax: integer({
    env: 'SCHEDULER_QUEUE_MAX',
    default: 1000,
    min: 0,
    max: 1_000_000,
    unit: 'count',
    description:
      'Questions and chats of all tenants that may wait; then the youngest of whoever has most waiting gets 503.',
  }),
  tenantQueueMax: integer({
    env: 'SCHEDULER_TENANT_QUEUE_MAX',
    default: 500,
    min: 1,
    max: 1_000_000,
    unit: 'count',
    description: 'Questions and chats of one tenant that may wait; further ones get 429.',
  }),
  weightEnterprise: weightOf('enterprise', 50),
  weightProfessional: weightOf('professional', 30),
  weightStarter: weightOf('starter', 15),
  weightFree: weightOf('free', 5),
  capPercent: integer({
    env: 'SCHEDULER_CAP_PERCENT',
    default: 20,
    min: 1,
    max: 100,
    unit: 'percent',
    description: 'Slots that one tenant may hold while others wait, in percent of all.',
  }),
  capPolicy: choice({
    env: 'SCHEDULER_CAP_POLICY',
    default: 'entitlement',
    values: ['entitlement', 'strict'],
    description:
      'What caps a tenant: entitlement never caps below the share it is entitled to and lends slots nobody else wants; strict never passes the percentage, even when slots stay idle.',
  }),
  headroomSlots: integer({
    env: 'SCHEDULER_HEADROOM_SLOTS',
    default: 0,
    min: 0,
    max: 1000,
    unit: 'count',
    description:
      'Slots kept for tenants that have nothing in work, so that a newcomer need not wait for long work to end.',
  }),
  priority1OffsetMs: offsetOf(1, 5),
  priority2OffsetMs: offsetOf(2, 30),
  priority3OffsetMs: offsetOf(3, 120),
  costInputToken: costOf('input', 1),
  costCachedToken: costOf('cached', 0.25),
  costOutputToken: costOf('output', 2),
  costMax: integer({
    env: 'SCHEDULER_COST_MAX',
    default: 200_000,
    min: 1,
    max: 10_000_000,
    unit: 'cost units',
    description:
      'The most that is charged to a tenant before a piece of work ran; what it really cost is charged after.',
  }),
  inboxMax: integer({
    env: 'SCHEDULER_INBOX_MAX',
    default: 100,
    min: 1,
    max: 100_000,
    unit: 'count',
    description: 'Messages that may wait for one server. What does not fit is said again with its next heartbeat.',
  }),
  leaseMs: integer({
    env: 'SCHEDULER_LEASE_MS',
    default: 15_000,
    min: 1000,
    max: 600_000,
    unit: 'milliseconds',
    description: 'How long a server counts as alive after its last heartbeat; it sends three in that time.',
  }),
  ghostMs: integer({
    env: 'SCHEDULER_GHOST_MS',
    default: 5000,
    min: 0,
    max: 600_000,
    unit: 'milliseconds',
    description: 'How long a slot stays taken after its server died: the model may still work for it.',
  }),
  attemptsMax: integer({
    env: 'SCHEDULER_ATTEMPTS_MAX',
    default: 3,
    min: 1,
    max: 100,
    unit: 'count',
    description: 'How often work that nobody waits for is tried before it becomes a dead letter.',
  }),
  deathsMax: integer({
    env: 'SCHEDULER_DEATHS_MAX',
    default: 2,
    min: 1,
    max: 100,
    unit: 'count',
    description: 'How many servers may die over a piece of work before it becomes a dead letter.',
  }),
  deadMax: integer({
    env: 'SCHEDULER_DEAD_LETTERS_MAX',
    default: 10_000,
    min: 1,
    max: 1_000_000,
    unit: 'count',
    description: 'Dead letters that the scheduler keeps; the database keeps all.',
  }),
};
