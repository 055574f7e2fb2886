/** The row of a tenant's identity provider, and its secret. */

import type { TenantTx } from '../../db/index.ts';
import type { TenantVault } from '../../vault/index.ts';
import { identityProviders } from './tables.ts';

/** The identity provider of a tenant, as sign-ins use it. */
export type Provider = typeof identityProviders.$inferSelect;

/** Where a client secret is sealed; whose it is, is part of that. */
export function secretCell({ tenantId, issuer, clientId }: Pick<Provider, 'tenantId' | 'issuer' | 'clientId'>) {
  return { table: 'identity_providers', rowId: JSON.stringify([tenantId, issuer, clientId]), column: 'client_secret' };
}

/** The client secret of a provider; `undefined` when it has none. */
export function clientSecretOf(provider: Provider, vault: TenantVault): string | undefined {
  return provider.clientSecretSealed === null
    ? undefined
    : vault.open(secretCell(provider), provider.clientSecretSealed);
}

/** The provider of the transaction's tenant. */
export async function findProvider(tx: TenantTx): Promise<Provider | undefined> {
  const [provider] = await tx.select().from(identityProviders);
  return provider;
}
