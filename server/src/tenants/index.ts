/** The tenants of the platform. */

export { tenantStatuses } from './tables.ts';
export { createTenants, type Tenants } from './tenants.ts';
