/** How a break-glass access begins: an operator, a reason, a clearance, and a token for a short time. */

import { and, count, gt, isNull } from 'drizzle-orm';
import type { AuditLog } from '../../audit/index.ts';
import { type Classification, classifications, type TenantTier } from '../../context.ts';
import { type Database, newId, type TenantTx } from '../../db/index.ts';
import { AppError } from '../../errors.ts';
import type { Vault } from '../../vault/index.ts';
import { changeEvent, type OperatorScope } from '../acting.ts';
import type { OpaqueTokens } from '../credentials/opaque-tokens.ts';
import { checkedChoice } from '../input.ts';
import { invalidField } from '../refusals.ts';
import { breakGlassAccesses } from '../tables.ts';
import { reasonCell } from './access-rows.ts';
import { readConsent } from './consents.ts';

/** An access as the tenant sees it. */
export interface BreakGlassView {
  readonly id: string;
  readonly operatorId: string;
  readonly reason: string;
  readonly clearance: Classification;
  readonly openedAt: Date;
  readonly expiresAt: Date;
  readonly endedAt: Date | null;
  /** A user of the tenant, an operator, or `expiry`. */
  readonly endedBy: string | null;
}

/** A new access; `token` is shown this once. */
export interface OpenedBreakGlass extends BreakGlassView {
  readonly token: string;
}

/** What an operator asks for. */
export interface BreakGlassRequest {
  readonly reason: string;
  readonly clearance: Classification;
  readonly durationMinutes?: number;
}

/** An operator at work in a tenant, which whoever makes one has looked up. */
export interface OperatorInTenant extends OperatorScope {
  readonly tier: TenantTier;
}

/** What break-glass access needs. */
export interface BreakGlassOptions {
  readonly database: Database;
  readonly vault: Vault;
  readonly audit: AuditLog;
  readonly opaqueTokens: OpaqueTokens;
  readonly minutesMax: number;
  /** Tiers whose tenants have to consent. */
  readonly consentTiers: readonly string[];
  readonly now: () => number;
}

const minutesDefault = 30;
const reasonLength = { min: 10, max: 500 };
/** Accesses of a tenant that stand at the same time. */
const openMax = 10;
/**
 * Makes the opening. The function it returns throws request_invalid, permission_denied where the tenant has to consent and
 * does not, or state_conflict when too many are open.
 */
export function createOpening(options: BreakGlassOptions) {
  const { database, vault, audit, opaqueTokens, minutesMax, now } = options;

  return async function open(acting: OperatorInTenant, request: BreakGlassRequest): Promise<OpenedBreakGlass> {
    const at = new Date(now());
    const { tenantId, actor } = acting;
    const reason = checkedReason(request.reason);
    const minutes = checkedMinutes(request.durationMinutes ?? Math.min(minutesDefault, minutesMax), minutesMax);
    const clearance = checkedChoice(request.clearance, classifications, '/clearance');
    const tenantVault = await vault.forTenant(acting);
    const id = newId('breakGlass');
    const { key: token, hash } = opaqueTokens.mintKey('breakGlass', id);
    const [openedAt, expiresAt] = [at, new Date(now() + minutes * 60_000)];
    const row = { tenantId, id, operatorId: actor.id, clearance, secretHash: hash, openedAt, expiresAt };
    await database.withTenant(acting, async (tx) => {
      if (options.consentTiers.includes(acting.tier)) await assertConsent(tx, at);
      await assertRoom(tx, at);
      await tx
        .insert(breakGlassAccesses)
        .values({ ...row, reasonSealed: tenantVault.seal(reasonCell(id), reason, 'secret') });
      const facts = { details: { clearance, expires_at: expiresAt.toISOString() }, personal: { reason } };
      await audit.append(
        tx,
        tenantVault,
        changeEvent(acting, 'break_glass.opened', { kind: 'break_glass', id }, facts),
      );
    });
    await audit.recordSecurityEvent({
      ...{ tenantId, kind: 'break_glass.opened', severity: 'high' },
      ...(acting.requestId === undefined ? {} : { requestId: acting.requestId }),
      details: { operator: actor.id, access: id, clearance, expires_at: expiresAt.toISOString() },
    });
    return { id, operatorId: actor.id, reason, clearance, openedAt, expiresAt, endedAt: null, endedBy: null, token };
  };
}

async function assertConsent(tx: TenantTx, at: Date): Promise<void> {
  const { validUntil } = await readConsent(tx, at);
  if (validUntil !== null) return;
  throw new AppError('permission_denied', {
    detail: 'This tenant has to consent first: one of its admins does so with PUT /api/break-glass-consent.',
  });
}

async function assertRoom(tx: TenantTx, at: Date): Promise<void> {
  const isOpen = and(isNull(breakGlassAccesses.endedAt), gt(breakGlassAccesses.expiresAt, at));
  const [row] = await tx.select({ open: count() }).from(breakGlassAccesses).where(isOpen);
  if ((row?.open ?? 0) < openMax) return;
  throw new AppError('state_conflict', { detail: `At most ${openMax} accesses to a tenant are open at once.` });
}

function checkedReason(text: string): string {
  const reason = text.trim();
  if (reason.length < reasonLength.min || reason.length > reasonLength.max)
    throw invalidField('/reason', `Say why, in ${reasonLength.min} to ${reasonLength.max} characters.`);
  return reason;
}

function checkedMinutes(minutes: number, minutesMax: number): number {
  if (!Number.isSafeInteger(minutes) || minutes < 1 || minutes > minutesMax)
    throw invalidField('/duration_minutes', `Use a whole number from 1 to ${minutesMax} (BREAK_GLASS_MINUTES_MAX).`);
  return minutes;
}
