/** What an episode is played on. */

import type { Watch } from '../checks/watch.ts';
import type { Database } from './database.ts';
import type { Network } from './network.ts';
import type { People } from './people.ts';
import type { Pod } from './pod.ts';
import type { Store } from './store.ts';
import type { World } from './world.ts';

/** Everything there is in an episode. */
export interface Stage {
  readonly world: World;
  readonly store: Store;
  readonly network: Network;
  readonly database: Database;
  readonly people: People;
  readonly watch: Watch;
  /** Many jobs of one size come at once: the bound of unfairness is tight then. */
  readonly isCrowd: boolean;
  readonly tenants: readonly TenantPlan[];
  readonly pods: () => readonly Pod[];
  readonly livePods: () => readonly Pod[];
  readonly startPod: () => void;
  /** When the state was last lost. */
  readonly lostMs: () => number;
}

/** A tenant, as the platform knows it. */
export interface TenantPlan {
  readonly tenantId: string;
  tier: string;
  weight: number;
  isPaused: boolean;
}
