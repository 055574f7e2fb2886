/** How a pool does, for people: totals, tiers, and some tenants. Never more than that, however much waits. */

import { capOf, shareMillionthsOf } from './fairness.ts';
import { type PoolState, type Standing, slotsOf, type Tenant, type Tier } from './state.ts';

/** Tenants that wait or run, as the scheduler sees one. */
export interface TenantSurvey {
  readonly tenantId: string;
  readonly tier: string;
  /** Missing when nothing of it may be served. */
  readonly standing?: Standing;
  readonly isPaused: boolean;
  readonly inFlight: number;
  readonly waitingAttached: number;
  readonly waitingDetached: number;
  /** Expected cost of the attached work that waits. */
  readonly queuedCost: number;
  /** Slots it may hold while others wait. */
  readonly capSlots: number;
  /** What it is entitled to, in millionths of the pool; 0 at rest. */
  readonly shareMillionths: number;
}

/** A tier, as the scheduler sees it. */
export interface TierSurvey {
  readonly tier: string;
  readonly weight: number;
  /** Cost charged since the pool began, corrections included. */
  readonly servedCost: number;
  /** Tenants that wait below their cap, and at it. */
  readonly waitingTenants: number;
  readonly cappedTenants: number;
}

/** A pool in numbers. */
export interface PoolSurvey {
  readonly slots: number;
  readonly inFlight: number;
  readonly ghosts: number;
  readonly queuedAttached: number;
  readonly queuedDetached: number;
  readonly deadLetters: number;
  readonly pods: number;
  readonly tiers: readonly TierSurvey[];
  readonly tenants: readonly TenantSurvey[];
}

/** Surveys a pool with one tenant, or with those that have most waiting for their share. */
export function survey(state: PoolState, tenantId: string | undefined, tenantsMax: number): PoolSurvey {
  const ids = tenantId === undefined ? state.heaviest.names().slice(-tenantsMax).reverse() : [tenantId];
  return {
    slots: slotsOf(state),
    inFlight: state.inFlight,
    ghosts: state.ghosts,
    queuedAttached: state.queuedAttached,
    queuedDetached: state.queuedDetached,
    deadLetters: state.dead.size(),
    pods: state.pods.size,
    tiers: [...state.tiers].map(([name, tier]) => tierSurvey(name, tier)),
    tenants: ids.flatMap((id) => {
      const tenant = state.tenants.get(id);
      return tenant === undefined ? [] : [tenantSurvey(state, tenant)];
    }),
  };
}

function tierSurvey(tier: string, { weight, servedCost, fresh, ready, capped }: Tier): TierSurvey {
  return { tier, weight, servedCost, waitingTenants: fresh.size() + ready.size(), cappedTenants: capped.size() };
}

function tenantSurvey(state: PoolState, tenant: Tenant): TenantSurvey {
  const { id, tier, standing, isPaused, inFlight, queuedCost, attached, detached } = tenant;
  return {
    tenantId: id,
    tier,
    ...(standing === undefined ? {} : { standing }),
    isPaused,
    inFlight,
    waitingAttached: attached.size(),
    waitingDetached: detached.size(),
    queuedCost,
    capSlots: capOf(state, tenant),
    shareMillionths: tenant.isActive ? shareMillionthsOf(state, tenant) : 0,
  };
}
