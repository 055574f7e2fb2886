/** What goes wrong in an episode. */

import type { Stage } from './stage.ts';

/** Plans faults for a stretch of time; says how many. */
export function planFaults(stage: Stage, withinMs: number): number {
  const { random, after } = stage.world;
  const count = random.integer(1, 5);
  for (let number = 0; number < count; number++) {
    const fault = random.pick(faults);
    after(random.integer(100, withinMs), () => fault(stage));
  }
  return count;
}

type Fault = (stage: Stage) => void;

const crash: Fault = ({ world, livePods, startPod, store, watch, lostMs }) => {
  const pods = livePods();
  if (pods.length === 0) return;
  const pod = world.random.pick(pods);
  pod.crash();
  const crashedMs = world.now();
  if (world.random.chance(0.8)) world.after(world.random.integer(0, 1500), startPod);
  // Its lease, and two seconds: by then everything it held is somewhere else, if anybody took a step to see to it.
  const dueMs = store.policy().leaseMs + 2000;
  world.after(dueMs, () => {
    const isSeenTo = store.lastStepMs() > crashedMs + dueMs - 1000 && lostMs() < crashedMs;
    if (isSeenTo && (store.look().pods[pod.id]?.jobs.length ?? 0) > 0)
      watch.note(`L2: ${pod.id} died ${dueMs} ms ago and still holds jobs`);
  });
};

const pause: Fault = ({ world, livePods, store }) => {
  const pods = livePods();
  if (pods.length > 0) world.random.pick(pods).pause(world.random.integer(50, 3 * store.policy().leaseMs));
};

const cut: Fault = ({ world, livePods, network, store }) => {
  const pods = livePods();
  if (pods.length > 0) network.cut(world.random.pick(pods).id, world.random.integer(50, 2 * store.policy().leaseMs));
};

/** A replica that missed the last writes becomes the master; its clock is its own. */
const failover: Fault = ({ world, store }) => {
  const restore = store.snapshot();
  world.after(world.random.integer(1, 1500), () => restore(world.random.integer(-300, 300)));
};

const flush: Fault = ({ store }) => store.flush();

const capacity: Fault = ({ world, livePods }) => {
  const [pod] = livePods();
  pod?.call({ type: 'setCapacity', podId: pod.id, upstreamSlots: world.random.integer(1, 8) });
};

const tenantChange: Fault = ({ world, livePods, tenants }) => {
  const [pod] = livePods();
  const { random } = world;
  const tenant = random.pick(tenants);
  if (random.chance(0.5)) tenant.isPaused = !tenant.isPaused;
  else Object.assign(tenant, { tier: random.pick(['enterprise', 'free']), weight: random.pick([100, 200]) });
  if (pod !== undefined) pod.call({ type: 'setTenant', podId: pod.id, ...tenant });
};

/** Somebody lets all dead jobs live again. */
const redrive: Fault = ({ livePods, database }) => {
  const [pod] = livePods();
  if (pod === undefined) return;
  for (const { state, job } of database.rows.values()) {
    if (state !== 'dead') continue;
    pod.call({ type: 'redrive', podId: pod.id, jobId: job.id }, () => database.revive(job.id));
  }
};

const drain: Fault = ({ world, livePods }) => {
  const pods = livePods();
  if (pods.length < 2) return;
  const [one, other] = pods;
  // A pod that is thought dead and is not.
  if (one !== undefined && other !== undefined && world.random.chance(0.5))
    one.call({ type: 'reap', podId: one.id, deadPodId: other.id });
};

const faults: readonly Fault[] = [crash, crash, pause, cut, failover, flush, capacity, tenantChange, redrive, drain];
