/**
 * The tenants' audit logs and the operators' list of security events.
 *
 * An audit row is written in the transaction of the act it tells of: both stand or neither. Security events are written
 * on their own, since what they tell of was refused; recording one must never change the answer.
 */

import { desc, lt } from 'drizzle-orm';
import type { Logger, TenantScope } from '../context.ts';
import { type Database, isId, newId, type SystemTx, type TenantTx } from '../db/index.ts';
import { AppError } from '../errors.ts';
import type { TenantVault, Vault } from '../vault/index.ts';
import { type AuditEvent, encodeEvent, type JsonValue } from './event.ts';
import { auditEvents, type incidentSeverities, securityEvents } from './tables.ts';

/** An audit row as its tenant's admin sees it. */
export interface AuditEntry {
  readonly id: string;
  /** The canonical JSON of the event, parsed. */
  readonly event: JsonValue;
  /** Personal values by name; empty when none, or erased. */
  readonly personal: Readonly<Record<string, string>>;
}

/** Something that looked like an attack. */
export interface SecurityEvent {
  readonly tenantId: string;
  readonly kind: string;
  readonly severity: (typeof incidentSeverities)[number];
  readonly requestId?: string;
  readonly userId?: string;
  readonly details: Readonly<Record<string, JsonValue>>;
}

/** A security event as stored. */
export interface StoredSecurityEvent extends SecurityEvent {
  readonly id: string;
  readonly occurredAt: Date;
}

/** The audit log. */
export interface AuditLog {
  /** Appends an event of the vault's tenant in the caller's transaction. */
  readonly append: (tx: TenantTx | SystemTx, vault: TenantVault, event: AuditEvent) => Promise<void>;
  /** Appends events, each of its vault's tenant, in one statement; there must be at least one. */
  readonly appendAll: (
    tx: TenantTx | SystemTx,
    items: readonly { readonly vault: TenantVault; readonly event: AuditEvent }[],
  ) => Promise<void>;
  /**
   * The newest events of a tenant; `cursor` is what the page before returned, and `request_invalid` when it is not.
   * Ids sort by time, so pages neither overlap nor skip, whatever is appended or removed meanwhile.
   */
  readonly list: (
    scope: TenantScope,
    page: { readonly limit: number; readonly cursor: string | undefined },
  ) => Promise<{ readonly data: readonly AuditEntry[]; readonly nextCursor: string | null }>;
  /** Records a security event; never rejects. */
  readonly recordSecurityEvent: (event: SecurityEvent) => Promise<void>;
  /** The newest security events of all tenants, for operators. */
  readonly listSecurityEvents: (options: { readonly limit: number }) => Promise<readonly StoredSecurityEvent[]>;
}

/** What the audit log needs. */
export interface AuditLogOptions {
  readonly database: Database;
  readonly vault: Vault;
  readonly log: Logger;
  /** Told of every security event, for metrics. */
  readonly onSecurityEvent: (kind: string) => void;
  readonly now?: () => Date;
}

const personalCell = (id: string) => ({ table: 'audit_events', rowId: id, column: 'personal' });

/** Makes the audit log. */
export function createAuditLog(options: AuditLogOptions): AuditLog {
  const { database, log } = options;
  const now = options.now ?? (() => new Date());

  function rowOf({ vault, event }: { vault: TenantVault; event: AuditEvent }): typeof auditEvents.$inferInsert {
    const id = newId('audit');
    const occurredAt = now();
    const { body, personal } = encodeEvent(id, vault.tenantId, occurredAt, event);
    return {
      tenantId: vault.tenantId,
      id,
      occurredAt,
      action: event.action,
      outcome: event.outcome,
      requestId: event.requestId ?? null,
      body,
      personalSealed: personal === undefined ? null : vault.seal(personalCell(id), personal, 'secret'),
    };
  }

  return {
    async append(tx, vault, event) {
      await tx.insert(auditEvents).values(rowOf({ vault, event }));
    },

    async appendAll(tx, items) {
      await tx.insert(auditEvents).values(items.map(rowOf));
    },

    async list(scope, { limit, cursor }) {
      if (cursor !== undefined && !isId('audit', cursor)) throw unknownCursor();
      const vault = await options.vault.forTenant(scope);
      const isOlder = cursor === undefined ? undefined : lt(auditEvents.id, cursor);
      const rows = await database.withTenant(scope, (tx) =>
        tx
          .select()
          .from(auditEvents)
          .where(isOlder)
          .orderBy(desc(auditEvents.id))
          .limit(limit + 1),
      );
      const data = rows.slice(0, limit).map(
        ({ id, body, personalSealed }): AuditEntry => ({
          id,
          event: JSON.parse(body) as JsonValue,
          personal: personalSealed === null ? {} : openPersonal(vault.open(personalCell(id), personalSealed)),
        }),
      );
      return { data, nextCursor: rows.length > limit ? (data.at(-1)?.id ?? null) : null };
    },

    async recordSecurityEvent(event) {
      try {
        options.onSecurityEvent(event.kind);
        await database.asSystem('audit.security', (tx) =>
          tx.insert(securityEvents).values({
            ...event,
            id: newId('securityEvent'),
            requestId: event.requestId ?? null,
            userId: event.userId ?? null,
          }),
        );
      } catch (error) {
        log.error({ err: error, kind: event.kind, tenantId: event.tenantId }, 'security event not recorded');
      }
    },

    async listSecurityEvents({ limit }) {
      const rows = await database.asSystem('audit.security', (tx) =>
        tx.select().from(securityEvents).orderBy(desc(securityEvents.occurredAt), desc(securityEvents.id)).limit(limit),
      );
      return rows.map(({ requestId, userId, details, ...row }) => ({
        ...row,
        details: details as SecurityEvent['details'],
        ...(requestId === null ? {} : { requestId }),
        ...(userId === null ? {} : { userId }),
      }));
    },
  };
}

function unknownCursor(): AppError {
  const message = 'Send the cursor that the page before returned, or none.';
  return new AppError('request_invalid', { errors: [{ location: 'query', pointer: '/cursor', message }] });
}

function openPersonal(json: string): Record<string, string> {
  const openings = JSON.parse(json) as Record<string, { salt: string; value: string }>;
  return Object.fromEntries(Object.entries(openings).map(([name, { value }]) => [name, value]));
}
