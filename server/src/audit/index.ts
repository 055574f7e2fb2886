/** Audit log of tenants and security events of operators. */

export {
  type AuditEntry,
  type AuditLog,
  createAuditLog,
  type SecurityEvent,
  type StoredSecurityEvent,
} from './audit-log.ts';
export { type AuditActor, type AuditEvent, actorOf, type JsonValue } from './event.ts';
export { createForeignIdWatch, type ForeignIdWatch } from './foreign-ids.ts';
export { incidentSeverities } from './tables.ts';
