/** The database: transactions bound to a tenant, migrations, and the check of the walls between tenants. */

export { CatalogError, lintCatalog } from './catalog-linter.ts';
export {
  bytes,
  classificationTier,
  embeddingVector,
  genaiSchema,
  tenantTier,
  wordVector,
} from './columns.ts';
export type { Database, SystemTx, TenantTx } from './database.ts';
export { sqlStateOf } from './errors.ts';
export { FolderLockedError, lockFolder } from './folder-lock.ts';
export { idPrefixes, isId, newId } from './ids.ts';
export { inspectPostgres, type PostgresInspection } from './inspect.ts';
export type { MigrationState } from './migrate.ts';
export { migrateAsOwner, type OpenDatabase, openDatabase } from './open.ts';
export { asOwner, type OwnerLogin } from './owner.ts';
export { SecondServerError } from './sole-server.ts';
export { type SystemReason, systemReasons } from './system-reasons.ts';
