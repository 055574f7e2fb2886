/** Runs metered work when it is its tenant's turn for the model, and tells the scheduler what it cost. */

import type { RequestContext } from '../context.ts';
import type { Costs, Scheduler } from '../scheduler/index.ts';
import type { Meter, MeteredWork } from './metered.ts';

/** What waiting for a turn needs. */
export interface SlotDeps {
  readonly scheduler: Scheduler;
  readonly costs: Costs;
}

/** Runs `run` in a slot; its notes of usage also correct the tenant's share. */
export async function inSlot<T>(
  { scheduler, costs }: SlotDeps,
  ctx: RequestContext,
  { operation, model, bound }: MeteredWork,
  meter: Meter,
  run: (meter: Meter) => Promise<T>,
): Promise<T> {
  const { tenantId, tier, deadlineMs, signal } = ctx;
  const kind = `${operation} ${model}`;
  const estimatedCost = costs.expected(tenantId, kind, bound);
  return scheduler.withSlot({ tenantId, tier, deadlineMs, signal, estimatedCost }, async ({ used }) => {
    let cost: number | undefined;
    const noting: Meter = {
      ...meter,
      used(usage) {
        meter.used(usage);
        cost = costs.of(usage);
        used(cost);
      },
    };
    try {
      return await run(noting);
    } finally {
      if (cost !== undefined) costs.note(tenantId, kind, cost);
    }
  });
}
