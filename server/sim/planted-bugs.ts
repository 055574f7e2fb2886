/**
 * Deliberate mistakes, one or more for each invariant, and the invariant whose check must find each: what tells that the
 * checks of the simulation would find a mistake of that kind.
 */

/** A change of one place in the kernel, or in how pods use the database. */
export interface PlantedBug {
  /** What goes wrong. */
  readonly name: string;
  /** The check that must find it, whatever others say. */
  readonly breaks: string;
  /** Below server/. */
  readonly file: string;
  /** Stands once in the file. */
  readonly find: string;
  readonly replace: string;
}

const kernel = (file: string) => `src/scheduler/kernel/${file}.ts`;

export const plantedBugs: readonly PlantedBug[] = [
  {
    name: 'a cancelled job is still tried again',
    breaks: 'I1',
    file: kernel('cancel'),
    find: 'state.timers.remove(`retry:${jobId}`);',
    replace: '',
  },
  {
    name: 'a job that expires leaves its queue and not its pool',
    breaks: 'I1',
    file: kernel('queues'),
    find: 'state.queuedDetached += sign;',
    replace: 'state.queuedDetached += Math.max(sign, 0);',
  },
  {
    name: 'one slot too many is given',
    breaks: 'I2',
    file: kernel('grant'),
    find: 'if (free <= 0) return undefined;',
    replace: 'if (free < 0) return undefined;',
  },
  {
    name: 'the slot of an attached job leaks',
    breaks: 'I3',
    file: kernel('flights'),
    find: '  tenant.inFlight -= 1;',
    replace: "  if (job.kind === 'detached') tenant.inFlight -= 1;",
  },
  {
    name: 'ghosts stay for ever',
    breaks: 'I3',
    file: kernel('due'),
    find: "if (kind === 'ghost') state.ghosts -= 1;",
    replace: "if (kind === 'ghost') continue;",
  },
  {
    name: 'a slot that comes back is not given on',
    breaks: 'I4',
    file: kernel('kernel'),
    find: 'if (!step.hasMore) grant(step);',
    replace: "if (!step.hasMore && operation.type !== 'settle') grant(step);",
  },
  {
    name: 'the strict cap is lifted when slots would idle',
    breaks: 'I5',
    file: kernel('grant'),
    find: "if (below !== undefined || capPolicy === 'strict') return below;",
    replace: 'if (below !== undefined) return below;',
  },
  {
    name: 'a tenant may pass its cap by one',
    breaks: 'I5',
    file: kernel('grant'),
    find: 'tenant.inFlight < capOf(state, tenant)) return tenant;',
    replace: 'tenant.inFlight <= capOf(state, tenant)) return tenant;',
  },
  {
    name: 'slots kept for newcomers are given to anybody',
    breaks: 'I5',
    file: kernel('grant'),
    find: "leastOf(state, ['fresh'])",
    replace: "leastOf(state, ['fresh', 'ready'])",
  },
  {
    name: 'a rest wipes out a debt',
    breaks: 'I6',
    file: kernel('queues'),
    find: 'if (tenant.tag > tier.clock) tier.parked.add(tenant.name, tenant.tag);\n  else state.tenants.delete(tenant.id);',
    replace: 'state.tenants.delete(tenant.id);',
  },
  {
    name: 'coming back lowers a tag',
    breaks: 'I6',
    file: kernel('fairness'),
    find: 'setTag(tier, tenant, Math.max(tenant.tag, tier.clock));',
    replace: 'setTag(tier, tenant, tier.clock);',
  },
  {
    name: 'a rest earns credit',
    breaks: 'I6',
    file: kernel('fairness'),
    find: 'setTag(tier, tenant, Math.max(tenant.tag, tier.clock));',
    replace: 'setTag(tier, tenant, tenant.tag);',
  },
  {
    name: 'the weight of a tenant does not count',
    breaks: 'I7',
    file: kernel('fairness'),
    find: 'tenant.tag + advance(to, tenant.weight) - advance(from, tenant.weight)',
    replace: 'tenant.tag + advance(to, 100) - advance(from, 100)',
  },
  {
    name: 'tiers are served by turns',
    breaks: 'I7',
    file: kernel('fairness'),
    find: 'tier.tag += advance(to, tier.weight) - advance(from, tier.weight);',
    replace: 'tier.tag += advance(to, 20) - advance(from, 20);',
  },
  {
    name: 'newcomers begin behind everybody',
    breaks: 'I8',
    file: kernel('fairness'),
    find: 'setTag(tier, tenant, Math.max(tenant.tag, tier.clock));',
    replace: 'setTag(tier, tenant, Math.max(tenant.tag, tier.clock + 3000));',
  },
  {
    name: 'the tier that was served most is next',
    breaks: 'I8',
    file: kernel('grant'),
    find: 'tier.tag < least.tag',
    replace: 'tier.tag > least.tag',
  },
  {
    name: 'a nonce is given twice',
    breaks: 'I9',
    file: kernel('step'),
    find: 'return `${random}.${nonces}`;',
    replace: 'return `nonce.${nonces}`;',
  },
  {
    name: 'a pod settles by any nonce',
    breaks: 'I9',
    file: kernel('settle'),
    find: 'job?.nonce === nonce && job.podId === podId',
    replace: 'job?.nonce !== undefined && job.podId === podId',
  },
  {
    name: 'a beat keeps jobs by any nonce',
    breaks: 'I9',
    file: kernel('beat'),
    find: 'job.podId !== podId || job.nonce !== flight.nonce',
    replace: 'job.podId !== podId',
  },
  {
    name: 'detached jobs cost what was expected',
    breaks: 'I10',
    file: kernel('settle'),
    find: 'if (actualCost !== undefined)',
    replace: "if (actualCost !== undefined && job.kind === 'attached')",
  },
  {
    name: 'a job that was never started is charged for',
    breaks: 'I10',
    file: kernel('due'),
    find: '  else charge(state, tenantOf(state, job), job.chargedCost, 0);',
    replace: '',
  },
  {
    name: 'whoever lost a job still finishes it',
    breaks: 'I10',
    file: 'sim/model/database.ts',
    find: "return row?.state === 'running' && row.nonce === nonce ? row : undefined;",
    replace: 'return row;',
  },
  {
    name: 'the ledger takes a charge twice',
    breaks: 'I10',
    file: 'sim/model/database.ts',
    find: '    if (charges.has(jobId)) return false;\n    charges.set(jobId, cost);',
    replace: '    charges.set(jobId, cost + (charges.get(jobId) ?? 0) * 2);',
  },
  {
    name: 'a refused job uses up a number',
    breaks: 'I11',
    file: kernel('enqueue'),
    find: '  if (refusal !== undefined) return refusal;',
    replace: '  if (refusal !== undefined) {\n    numbered(state, newJob.id);\n    return refusal;\n  }',
  },
  {
    name: 'a paused tenant stays where it stood',
    breaks: 'I12',
    file: kernel('administer'),
    find: '  place(state, tenant);\n  rest(state, tenant);',
    replace: '  rest(state, tenant);',
  },
  {
    name: 'a job taken back into a state weighs nothing',
    breaks: 'I12',
    file: kernel('beat'),
    find: '  place(state, tenant);\n',
    replace: '',
  },
  {
    name: 'a grant counts as an attempt',
    breaks: 'I13',
    file: kernel('grant'),
    find: '  job.chargedCost = job.estimatedCost;',
    replace: '  job.chargedCost = job.estimatedCost;\n  job.attempts += 1;',
  },
  {
    name: 'one attempt too many',
    breaks: 'I13',
    file: kernel('flights'),
    find: 'attempts >= attemptsMax',
    replace: 'attempts > attemptsMax',
  },
  {
    name: 'urgent jobs go first for ever',
    breaks: 'I14',
    file: kernel('enqueue'),
    find: 'order: orderOf(state, newJob.priority)',
    replace: 'order: newJob.priority',
  },
  {
    name: 'a job that is tried again begins at the end',
    breaks: 'I14',
    file: kernel('queues'),
    find: 'tenant[job.kind].add(job.name, job.order);',
    replace: 'tenant[job.kind].add(job.name, state.nowMs);',
  },
  {
    name: 'a job is granted after its deadline',
    breaks: 'I15',
    file: kernel('grant'),
    find: 'if (job.deadlineMs <= state.nowMs || pod === undefined)',
    replace: 'if (pod === undefined)',
  },
  {
    name: 'a cancelled job stays in its queue',
    breaks: 'I15',
    file: kernel('cancel'),
    find: '    drop(state, job);',
    replace: '',
  },
  {
    name: 'a job is evicted though there is room',
    breaks: 'I16',
    file: kernel('enqueue'),
    find: '  if (state.queuedAttached < state.policy.queuedMax) return undefined;\n',
    replace: '  if (state.queuedAttached === 0) return undefined;\n',
  },
  {
    name: 'an eviction takes an acknowledged job',
    breaks: 'I16',
    file: kernel('enqueue'),
    find: "idOf(tenant.attached.last() ?? '')",
    replace: "idOf(tenant.detached.last() ?? tenant.attached.last() ?? '')",
  },
  {
    name: 'a grant that was lost is not repeated',
    breaks: 'L1',
    file: kernel('beat'),
    find: '  repeatGrants(step, pod, held);\n',
    replace: '',
  },
  {
    name: 'a dead pod is waited for too long',
    breaks: 'L2',
    file: kernel('beat'),
    find: 'state.nowMs + state.policy.leaseMs',
    replace: 'state.nowMs + 20 * state.policy.leaseMs',
  },
  {
    name: 'the slots of dead pods are haunted for an hour',
    breaks: 'L3',
    file: kernel('due'),
    find: 'state.nowMs + state.policy.ghostMs',
    replace: 'state.nowMs + 3_600_000',
  },
];
