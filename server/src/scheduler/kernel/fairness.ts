/**
 * Hierarchical start-time fair queueing (Goyal, Vin, Cheng 1996): tiers share the pool by weight, tenants share their tier.
 *
 * A tag is how much service a flow has had per weight; who has the lowest is next. Whoever comes back after a rest starts at
 * the clock, so rest earns no credit; tags ahead of the clock are kept through a rest, so leaving loses no debt.
 */

import type { PoolState, Standing, Tenant, Tier } from './state.ts';
import { slotsOf, tierOf } from './state.ts';

/** Keeps the divisions of usual weights exact. */
const tagScale = 300;

/** How far a cost moves the tag of a flow of a weight. */
export const advance = (cost: number, weight: number): number => Math.floor((cost * tagScale) / weight);

/** Charges `to` instead of `from`: the tags of the tenant and of its tier move by the difference. */
export function charge(state: PoolState, tenant: Tenant, from: number, to: number): void {
  if (from === to) return;
  const tier = tierOf(state, tenant);
  tier.tag += advance(to, tier.weight) - advance(from, tier.weight);
  tier.servedCost += to - from;
  setTag(tier, tenant, tenant.tag + advance(to, tenant.weight) - advance(from, tenant.weight));
}

/** Moves both clocks to the flows that are served next. */
export function tick(state: PoolState, tenant: Tenant): void {
  const tier = tierOf(state, tenant);
  tier.clock = Math.max(tier.clock, tenant.tag);
  state.clock = Math.max(state.clock, tier.tag);
}

/** Slots a tenant may hold while others wait. */
export function capOf(state: PoolState, tenant: Tenant): number {
  const { capPercent, capPolicy } = state.policy;
  const slots = slotsOf(state);
  const literal = Math.max(Math.floor((slots * capPercent) / 100), 1);
  if (capPolicy === 'strict' || !tenant.isActive) return literal;
  const tier = tierOf(state, tenant);
  const part = slots * tier.weight * tenant.weight;
  return Math.max(literal, Math.ceil(part / (state.activeTierWeight * tier.activeWeight)));
}

/** What a tenant that waits is entitled to, in millionths of the pool. */
export function shareMillionthsOf(state: PoolState, tenant: Tenant): number {
  const tier = tierOf(state, tenant);
  return Math.floor((1_000_000 * tier.weight * tenant.weight) / (state.activeTierWeight * tier.activeWeight));
}

/** Puts a tenant where it belongs after what it waits for, holds or may hold has changed. */
export function place(state: PoolState, tenant: Tenant): void {
  count(state, tenant);
  const tier = tierOf(state, tenant);
  const [was, is] = [tenant.standing, standingOf(state, tenant)];
  if (was === is) return;
  const [wasPresent, wasEligible] = [isPresent(tier), isEligible(tier)];
  if (was !== undefined) tier[was].remove(tenant.name);
  tenant.standing = is;
  if (is !== undefined) tier[is].add(tenant.name, tenant.tag);
  if (was === 'capped' && is !== undefined) liftTenant(state, tier, tenant);
  if (!wasPresent && isPresent(tier)) tier.tag = Math.max(tier.tag, state.clock);
  else if (!wasEligible && isEligible(tier)) tier.tag = Math.max(tier.tag, floorOf(state, state.clock, tier.weight));
}

/** Begins at the clock: what a tenant did not use while it rested is not owed to it. */
export function join(state: PoolState, tenant: Tenant): void {
  const tier = tierOf(state, tenant);
  setTag(tier, tenant, Math.max(tenant.tag, tier.clock));
}

/** Who was held back is owed at most one job. */
export function liftTenant(state: PoolState, tier: Tier, tenant: Tenant): void {
  setTag(tier, tenant, Math.max(tenant.tag, floorOf(state, tier.clock, tenant.weight)));
}

const floorOf = (state: PoolState, clock: number, weight: number): number =>
  clock - advance(state.policy.costMax, weight);

/** Whether somebody of the tier may be served without passing a cap. */
const isEligible = (tier: Tier): boolean => tier.fresh.size() + tier.ready.size() > 0;

const isPresent = (tier: Tier): boolean => isEligible(tier) || tier.capped.size() > 0;

/** Jobs of a tenant that wait. */
export const waitingOf = ({ attached, detached }: Tenant): number => attached.size() + detached.size();

function standingOf(state: PoolState, tenant: Tenant): Standing | undefined {
  if (waitingOf(tenant) === 0 || tenant.isPaused) return undefined;
  if (tenant.inFlight === 0) return 'fresh';
  return tenant.inFlight < capOf(state, tenant) ? 'ready' : 'capped';
}

/** Counts the weight of a tenant while it waits or runs. */
function count(state: PoolState, tenant: Tenant): void {
  const isActive = tenant.inFlight > 0 || (waitingOf(tenant) > 0 && !tenant.isPaused);
  if (isActive === tenant.isActive) return;
  tenant.isActive = isActive;
  addWeight(state, tierOf(state, tenant), isActive ? tenant.weight : -tenant.weight);
}

/** Adds to the weights that share a tier, and the tier to those that share the pool. */
export function addWeight(state: PoolState, tier: Tier, weight: number): void {
  const was = tier.activeWeight > 0;
  tier.activeWeight += weight;
  const is = tier.activeWeight > 0;
  if (was !== is) state.activeTierWeight += is ? tier.weight : -tier.weight;
  state.areCapsStale = true;
}

function setTag(tier: Tier, tenant: Tenant, tag: number): void {
  if (tag === tenant.tag) return;
  tenant.tag = tag;
  if (tenant.standing !== undefined) tier[tenant.standing].add(tenant.name, tag);
}
