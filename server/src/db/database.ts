/**
 * Transactions, the only way to the data.
 *
 * `withTenant` runs as genai_app with the tenant set for that transaction, so row-level security shows one tenant's
 * rows whatever the query says. `asSystem` runs as genai_system for the steps in system-reasons.ts. Their transaction
 * types differ, so a function written for one does not compile with the other. Role, tenant and time-outs are set with
 * transaction scope: nothing survives on a pooled connection, also behind PgBouncer in transaction mode.
 */

import { AsyncLocalStorage } from 'node:async_hooks';
import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres';
import type pg from 'pg';
import type { TenantScope } from '../context.ts';
import { translateDatabaseError } from './errors.ts';
import type { SystemReason } from './system-reasons.ts';

declare const tenantBrand: unique symbol;
declare const systemBrand: unique symbol;

/** What a transaction can do. No transaction within it: its end would be the end of role and tenant. */
type Statements = Omit<NodePgDatabase, 'transaction'>;

/** A transaction that sees one tenant. Only `withTenant` makes one; it refuses statements once it has ended. */
export type TenantTx = Statements & { readonly [tenantBrand]: true };

/** A transaction across tenants. Only `asSystem` makes one; it refuses statements once it has ended. */
export type SystemTx = Statements & { readonly [systemBrand]: true };

/** The database, whichever it is. */
export interface Database {
  /**
   * Runs `fn` in a transaction of one tenant; commits when it resolves, rolls back when it rejects.
   * `fn` must await nothing but the database. Throws when called inside another transaction.
   */
  readonly withTenant: <T>(scope: TenantScope, fn: (tx: TenantTx) => Promise<T>) => Promise<T>;
  /** Runs `fn` across tenants, for a listed reason; otherwise like `withTenant`. */
  readonly asSystem: <T>(reason: SystemReason, fn: (tx: SystemTx) => Promise<T>) => Promise<T>;
  /** Resolves when the database answers; for health checks. */
  readonly ping: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** What a database needs. */
export interface DatabaseOptions {
  readonly pool: pg.Pool;
  readonly statementTimeoutMs: number;
  readonly idleInTransactionTimeoutMs: number;
  /** Told of every transaction across tenants. */
  readonly onSystemTransaction: (reason: SystemReason) => void;
}

/** Tenant ids are made by us; anything else never reaches SQL. */
const tenantIdPattern = /^[a-z0-9_]{3,64}$/;

/** Wraps a pool in the transactions above. The pool is closed with the database. */
export function createDatabase(options: DatabaseOptions): Database {
  const { pool, statementTimeoutMs, idleInTransactionTimeoutMs } = options;
  const current = new AsyncLocalStorage<'open'>();

  async function transaction<T>(
    role: 'genai_app' | 'genai_system',
    tenantId: string,
    fn: (tx: Statements) => Promise<T>,
  ): Promise<T> {
    if (current.getStore() !== undefined) throw new Error('A transaction must not be opened inside another one.');
    const client = await pool.connect().catch((error: unknown) => {
      throw translateDatabaseError(error);
    });
    // A connection that is lost between two statements says so here; the next statement fails, which is enough.
    const ignore = () => {};
    client.on('error', ignore);
    const lease = leaseOf(client);
    let broken: Error | undefined;
    try {
      await client.query(
        `begin; select set_config('role', '${role}', true), set_config('app.tenant_id', '${tenantId}', true),
         set_config('statement_timeout', '${statementTimeoutMs}', true),
         set_config('idle_in_transaction_session_timeout', '${idleInTransactionTimeoutMs}', true)`,
      );
      const result = await current.run('open', () => fn(drizzle(lease.client)));
      lease.end();
      await client.query('commit');
      return result;
    } catch (error) {
      lease.end();
      await client.query('rollback').catch((rollbackError: unknown) => {
        broken = rollbackError instanceof Error ? rollbackError : new Error(String(rollbackError));
      });
      throw translateDatabaseError(error);
    } finally {
      // A connection whose rollback failed is in an unknown state and must not be reused.
      client.off('error', ignore);
      client.release(broken);
    }
  }

  return {
    withTenant(scope, fn) {
      if (!tenantIdPattern.test(scope.tenantId)) throw new Error('A tenant transaction needs a tenant id.');
      return transaction('genai_app', scope.tenantId, (tx) => fn(tx as TenantTx));
    },
    asSystem(reason, fn) {
      options.onSystemTransaction(reason);
      return transaction('genai_system', '', (tx) => fn(tx as SystemTx));
    },
    async ping() {
      await pool.query('select 1').catch((error: unknown) => {
        throw translateDatabaseError(error);
      });
    },
    close: () => pool.end(),
  };
}

/**
 * A connection on loan to one transaction. Work that outlives its transaction, say the other half of a `Promise.all`
 * that failed, must not send its next statement into the transaction of whoever has the connection by then.
 */
function leaseOf(client: pg.PoolClient): { readonly client: pg.PoolClient; readonly end: () => void } {
  let isOpen = true;
  const query = async (...args: Parameters<pg.PoolClient['query']>) => {
    if (!isOpen) throw new Error('The transaction has ended.');
    return client.query(...args);
  };
  return {
    client: Object.create(client, { query: { value: query } }),
    end: () => {
      isOpen = false;
    },
  };
}
