/**
 * Platform operators: their own keys, their own realm, no tenant.
 *
 * An operator key opens operator routes and nothing of a tenant; a tenant's credential opens no operator route. The realm
 * has an audit log of its own, under a reserved id that no tenant can have.
 */

import { and, eq, isNull } from 'drizzle-orm';
import type { AuditActor, AuditEvent, AuditLog } from '../../audit/index.ts';
import type { TenantScope } from '../../context.ts';
import { type Database, isId, newId } from '../../db/index.ts';
import { AppError } from '../../errors.ts';
import type { Vault } from '../../vault/index.ts';
import { isSameSecret, type OpaqueTokens } from '../credentials/opaque-tokens.ts';
import { checkedName } from '../input.ts';
import { authenticationRequired, notFound } from '../refusals.ts';
import { operatorKeys } from '../tables.ts';

/** Somebody who runs the platform. */
export interface Operator {
  readonly id: string;
  readonly name: string;
}

/** A new operator key; `key` is shown this once. */
export interface CreatedOperatorKey extends Operator {
  readonly key: string;
}

/** Scope of the operators' own audit log. */
export const operatorRealm: TenantScope = { tenantId: 'platform' };

/** What operators need. */
export interface OperatorsOptions {
  readonly database: Database;
  readonly vault: Vault;
  readonly audit: AuditLog;
  readonly opaqueTokens: OpaqueTokens;
}

/** Makes the operators. */
export function createOperators({ database, vault, audit, opaqueTokens }: OperatorsOptions) {
  return {
    /** @throws {AppError} authentication_required. */
    async authenticate(credential: string): Promise<Operator> {
      const presented = opaqueTokens.parseKey('operatorKey', credential);
      if (presented === undefined) throw authenticationRequired('This is not an operator key.');
      const [row] = await database.asSystem('identity.operators', (tx) =>
        tx.select().from(operatorKeys).where(eq(operatorKeys.id, presented.id)),
      );
      // A row that is not there costs the comparison too.
      const isSame = isSameSecret(presented.hash, row?.secretHash ?? new Uint8Array(presented.hash.length));
      if (row === undefined || !isSame || row.revokedAt !== null)
        throw authenticationRequired('The operator key is not valid.');
      return { id: row.id, name: row.name };
    },

    /** @throws {AppError} state_conflict when the name is taken. */
    async createKey(name: string, actor: AuditActor): Promise<CreatedOperatorKey> {
      const checked = checkedName(name);
      const id = newId('operatorKey');
      const { key, hash } = opaqueTokens.mintKey('operatorKey', id);
      const realmVault = await vault.forTenant(operatorRealm);
      await database.asSystem('identity.operators', async (tx) => {
        const values = { id, name: checked, secretHash: hash };
        const [row] = await tx
          .insert(operatorKeys)
          .values(values)
          .onConflictDoNothing()
          .returning({ id: operatorKeys.id });
        if (row === undefined)
          throw new AppError('state_conflict', { detail: 'There is an operator key of this name already.' });
        await audit.append(tx, realmVault, {
          ...keyEvent('operator_key.created', id, actor),
          personal: { name: checked },
        });
      });
      return { id, name: checked, key };
    },

    /** The key stops at once. @throws {AppError} resource_not_found. */
    async revokeKey(id: string, actor: AuditActor): Promise<void> {
      if (!isId('operatorKey', id)) throw notFound();
      const realmVault = await vault.forTenant(operatorRealm);
      await database.asSystem('identity.operators', async (tx) => {
        const isValid = and(eq(operatorKeys.id, id), isNull(operatorKeys.revokedAt));
        const revoked = await tx
          .update(operatorKeys)
          .set({ revokedAt: new Date() })
          .where(isValid)
          .returning({ id: operatorKeys.id });
        if (revoked.length === 0) throw notFound();
        await audit.append(tx, realmVault, keyEvent('operator_key.revoked', id, actor));
      });
    },
  };
}

function keyEvent(action: string, id: string, actor: AuditActor): AuditEvent {
  return { action, outcome: 'success', actor, resource: { kind: 'operator_key', id } };
}
