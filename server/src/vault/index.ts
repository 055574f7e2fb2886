/** Sealing of secrets and content under keys of their tenant. */

export type { Kms } from './kms/kms.ts';
export { createKeyFile, createLocalKms } from './kms/local.ts';
export { type Cell, createTenantVault, type Sensitivity, type TenantVault } from './tenant-vault.ts';
export { createVault, type Vault } from './vault.ts';
