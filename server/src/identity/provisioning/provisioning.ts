/** Users and groups as directories provision them, by SCIM. */

import type { Provisioned } from './provisioned.ts';
import { createProvisionedGroups } from './provisioned-groups.ts';
import { createProvisionedUsers, type ProvisioningOptions } from './provisioned-users.ts';

/** The resources of both kinds. */
export interface Provisioning {
  readonly users: Provisioned;
  readonly groups: Provisioned;
}

/** Makes provisioning. */
export function createProvisioning(options: ProvisioningOptions): Provisioning {
  return { users: createProvisionedUsers(options), groups: createProvisionedGroups(options) };
}
