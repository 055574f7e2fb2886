/** The id that the directory of a tenant has for a user, under which the user is found again. */

import type { TenantVault } from '../../vault/index.ts';

/** The digest of such an id, under a key of the tenant. */
export function externalIdHash(vault: TenantVault, externalId: string): Uint8Array {
  return vault.digest('external id of users', externalId);
}
