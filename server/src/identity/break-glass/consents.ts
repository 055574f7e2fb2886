/** The consent of a tenant to break-glass access: for a while, and taken back at any time. */

import { desc, gt } from 'drizzle-orm';
import type { AuditLog } from '../../audit/index.ts';
import type { RequestContext } from '../../context.ts';
import type { Database, TenantTx } from '../../db/index.ts';
import type { TenantVault, Vault } from '../../vault/index.ts';
import { assertMay, changeEvent } from '../acting.ts';
import { invalidField } from '../refusals.ts';
import { breakGlassConsents } from '../tables.ts';
import { endAccesses } from './ending.ts';

/** A consent as admins see it. */
export interface ConsentView {
  /** Null when there is none, or it is over. */
  readonly validUntil: Date | null;
  readonly givenBy: string | null;
}

/** What consents need. */
export interface ConsentsOptions {
  readonly database: Database;
  readonly vault: Vault;
  readonly audit: AuditLog;
  readonly now: () => number;
}

const hoursMax = 720;

/** Makes the consents. Every function throws permission_denied for who does not hold break_glass:manage. */
export function createConsents({ database, vault, audit, now }: ConsentsOptions) {
  return {
    /** The tenant's consent. */
    async read(ctx: RequestContext): Promise<ConsentView> {
      assertMay(ctx, 'break_glass:manage');
      return database.withTenant(ctx, (tx) => readConsent(tx, new Date(now())));
    },

    /**
     * Consents from now on, instead of what the same admin said before; 0 hours take every consent back and end what was
     * opened under it. @throws {AppError} request_invalid.
     */
    async set(ctx: RequestContext, hours: number): Promise<ConsentView> {
      assertMay(ctx, 'break_glass:manage');
      if (!Number.isSafeInteger(hours) || hours < 0 || hours > hoursMax)
        throw invalidField('/hours', `Use a whole number from 0 to ${hoursMax}.`);
      const tenantVault = await vault.forTenant(ctx);
      return database.withTenant(ctx, (tx) =>
        hours === 0 ? withdraw(tx, ctx, tenantVault) : give(tx, ctx, tenantVault, hours),
      );
    },
  };

  async function give(
    tx: TenantTx,
    ctx: RequestContext,
    tenantVault: TenantVault,
    hours: number,
  ): Promise<ConsentView> {
    const givenBy = ctx.principal.userId;
    const consent = { validUntil: new Date(now() + hours * 3_600_000), givenBy, givenAt: new Date(now()) };
    await tx
      .insert(breakGlassConsents)
      .values({ tenantId: ctx.tenantId, ...consent })
      .onConflictDoUpdate({ target: [breakGlassConsents.tenantId, breakGlassConsents.givenBy], set: consent });
    const facts = { details: { valid_until: consent.validUntil.toISOString() } };
    await audit.append(tx, tenantVault, changeEvent(ctx, 'break_glass.consented', resource(ctx), facts));
    return readConsent(tx, new Date(now()));
  }

  async function withdraw(tx: TenantTx, ctx: RequestContext, tenantVault: TenantVault): Promise<ConsentView> {
    await tx.delete(breakGlassConsents);
    await audit.append(tx, tenantVault, changeEvent(ctx, 'break_glass.consent_withdrawn', resource(ctx), {}));
    const ender = { acting: ctx, endedBy: ctx.principal.userId, at: new Date(now()) };
    await endAccesses(tx, { audit, vault: tenantVault }, undefined, ender);
    return { validUntil: null, givenBy: null };
  }
}

/** The consent that holds at a time; of several the one that lasts longest. */
export async function readConsent(tx: TenantTx, at: Date): Promise<ConsentView> {
  const { validUntil, givenBy } = breakGlassConsents;
  const [row] = await tx
    .select({ validUntil, givenBy })
    .from(breakGlassConsents)
    .where(gt(validUntil, at))
    .orderBy(desc(validUntil))
    .limit(1)
    .for('share');
  return row ?? { validUntil: null, givenBy: null };
}

function resource({ tenantId }: RequestContext) {
  return { kind: 'tenant', id: tenantId };
}
