/**
 * Fifty clients on five connections of PgBouncer in transaction mode, while backends are killed, statements time out, and
 * work fails half way: no statement ever runs without its tenant, and nothing of one transaction is left for the next.
 */

import { randomInt } from 'node:crypto';
import { sql } from 'drizzle-orm';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { newId, type TenantTx } from '../../src/db/index.ts';
import { isAppError } from '../../src/errors.ts';
import { openTestPostgres } from '../support/database.ts';

const pgbouncerUrl = inject('pgbouncerUrl');
const clients = 50;
const connections = 5;
const transactions = inject('isLong') ? 20_000 : 1500;
const statementTimeoutMs = 100;
const rowsPerTenant = 20;
const killIntervalMs = 50;

class Mishap extends Error {}

describe.skipIf(pgbouncerUrl === undefined)('through PgBouncer in transaction mode', () => {
  const tenantIds = [newId('tenant'), newId('tenant')] as const;
  let test: Awaited<ReturnType<typeof openTestPostgres>>;

  beforeAll(async () => {
    test = await openTestPostgres({
      throughUrl: pgbouncerUrl ?? '',
      environment: {
        DATABASE_POOL_MAX: String(clients),
        DATABASE_STATEMENT_TIMEOUT_MS: String(statementTimeoutMs),
      },
    });
    for (const [place, tenantId] of tenantIds.entries()) {
      await test.superuser(
        `insert into genai.tenants (tenant_id, slug, name, tier) values ('${tenantId}', 'pooled-${place}', 'x', 'free')`,
      );
      await test.superuser(`insert into genai.teams (tenant_id, id, name)
        select '${tenantId}', 'team_' || n, 'team ' || n from generate_series(1, ${rowsPerTenant}) n`);
    }
  });
  afterAll(() => test.close());

  /** What a transaction sees of itself; it must be the same at its beginning and at its end. */
  async function assertOwn(tx: TenantTx, tenantId: string): Promise<void> {
    const { rows } = await tx.execute<{ role: string; tenant: string; owners: string[]; teams: number }>(
      sql`select current_user as role, current_setting('app.tenant_id', true) as tenant,
        array_agg(distinct tenant_id) as owners, count(*)::int as teams from genai.teams`,
    );
    expect(rows).toEqual([{ role: 'genai_app', tenant: tenantId, owners: [tenantId], teams: rowsPerTenant }]);
  }

  /** One of the ways in which a transaction can go. */
  async function mishap(tx: TenantTx): Promise<void> {
    const fate = randomInt(10);
    if (fate === 0) throw new Mishap();
    if (fate === 1) await tx.execute(sql`select pg_sleep(${(3 * statementTimeoutMs) / 1000})`);
    if (fate === 2) await tx.execute(sql`select 1 / 0`);
    if (fate === 3)
      await tx.execute(sql`insert into genai.teams (tenant_id, id, name) values ('ten_other', 'team_x', 'x')`);
  }

  it('no statement runs without its tenant, whatever becomes of the others', { timeout: 600_000 }, async () => {
    let left = transactions;
    let whole = 0;
    const kill = setInterval(() => {
      test
        .superuser(
          `select pg_terminate_backend(pid) from pg_stat_activity
           where usename = 'genai_server' and datname = current_database() order by random() limit 1`,
        )
        .catch(() => {});
    }, killIntervalMs);

    async function work(): Promise<void> {
      while (left > 0) {
        left -= 1;
        const tenantId = tenantIds[randomInt(2)] ?? '';
        await test.database
          .withTenant({ tenantId }, async (tx) => {
            await assertOwn(tx, tenantId);
            await mishap(tx);
            await assertOwn(tx, tenantId);
            whole += 1;
          })
          .catch((error: unknown) => {
            // What was killed, cut off or refused says so; an observation of another tenant is none of these.
            if (!isAppError(error) && !(error instanceof Mishap) && !isRefusal(error)) throw error;
          });
      }
    }

    try {
      await Promise.all(Array.from({ length: clients }, work));
    } finally {
      clearInterval(kill);
    }
    expect(whole).toBeGreaterThan(transactions / 4);
    const counts = await test.superuser('select tenant_id, count(*)::int as teams from genai.teams group by 1');
    expect(counts.map(({ teams }) => teams)).toEqual([rowsPerTenant, rowsPerTenant]);
  });

  it('a connection that comes back has neither role nor tenant, and sees nothing', async () => {
    const seen = await Promise.all(
      Array.from({ length: 4 * connections }, async () => {
        const client = new pg.Client(test.url);
        await client.connect();
        try {
          const { rows } = await client.query(
            `select current_user as role, coalesce(current_setting('app.tenant_id', true), '') as tenant,
              current_setting('statement_timeout') as timeout`,
          );
          await expect(client.query('select count(*) from genai.teams')).rejects.toThrow('permission denied');
          return JSON.stringify(rows);
        } finally {
          await client.end();
        }
      }),
    );
    expect(new Set(seen)).toEqual(new Set([JSON.stringify([{ role: 'genai_server', tenant: '', timeout: '0' }])]));
  });
});

/** A division by zero, or a row that row-level security does not let in. */
function isRefusal(error: unknown): boolean {
  return error instanceof Error && /^Database error (22012|42501)/.test(error.message);
}
