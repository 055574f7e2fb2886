/** The tenants of the platform. */

export { isSlug } from './input.ts';
export { type TenantStatus, tenantStatuses } from './tables.ts';
export {
  createTenants,
  type NewTenant,
  type TenantActor,
  type TenantChange,
  type Tenants,
  type TenantsOptions,
  type TenantView,
} from './tenants.ts';
