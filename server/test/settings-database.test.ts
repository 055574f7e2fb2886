/** Settings of connections to PostgreSQL, changed and observed. The embedded database has one connection and needs none. */

import { sql } from 'drizzle-orm';
import { afterEach, describe, expect, inject, it } from 'vitest';
import { loadConfig } from '../src/config/index.ts';
import { openDatabase } from '../src/db/index.ts';
import { makeServerDatabase } from './support/server-database.ts';

const hooks = { onSystemTransaction: () => {}, onMigration: () => {}, onIdleError: () => {} };
const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** A database opened with settings. */
async function opened(environment: Readonly<Record<string, string>>) {
  const made = await makeServerDatabase('postgresql', '');
  closers.push(made.remove);
  const settings = loadConfig({ environment: { ...made.environment, ...environment }, directory: '/nonexistent' });
  const { database } = await openDatabase(settings.config, hooks);
  closers.push(database.close);
  const run = (statement: string) =>
    database.asSystem('jobs.queue', async (tx) => (await tx.execute<Record<string, unknown>>(sql.raw(statement))).rows);
  return { database, run, observe: made.sql ?? run };
}

/** Connections of the pool; one more claims the database for a server without Redis. */
const own = `select count(*)::int as connections from pg_stat_activity
  where datname = current_database() and usename = 'genai_server' and application_name <> 'genai-platform claim'`;

describe.runIf(inject('postgresUrl') !== undefined)('PostgreSQL', () => {
  it('is used over DATABASE_POOL_MAX connections, which live DATABASE_IDLE_TIMEOUT_MS unused', async () => {
    const { run, observe } = await opened({ DATABASE_POOL_MAX: '3', DATABASE_IDLE_TIMEOUT_MS: '1000' });
    const working = Promise.all(Array.from({ length: 8 }, () => run('select pg_sleep(0.1)')));
    await expect.poll(async () => (await observe(own))[0]?.['connections'], { interval: 10 }).toBe(3);
    await working;
    expect((await observe(own))[0]?.['connections']).toBeLessThanOrEqual(3);
    await expect.poll(async () => (await observe(own))[0]?.['connections'], { timeout: 5000 }).toBe(0);
  });

  it('is waited for DATABASE_CONNECT_TIMEOUT_MS', async () => {
    const { run } = await opened({ DATABASE_POOL_MAX: '1', DATABASE_CONNECT_TIMEOUT_MS: '150' });
    const [first, second] = await Promise.allSettled([run('select pg_sleep(0.5)'), run('select 1')]);
    expect(first.status).toBe('fulfilled');
    expect(second).toMatchObject({ status: 'rejected', reason: { code: 'dependency_unavailable' } });
  });

  it('may work on a statement for DATABASE_STATEMENT_TIMEOUT_MS', async () => {
    const { run } = await opened({ DATABASE_STATEMENT_TIMEOUT_MS: '100' });
    const startedMs = performance.now();
    await expect(run('select pg_sleep(20)')).rejects.toThrow();
    expect(performance.now() - startedMs).toBeLessThan(10_000);
  });

  it('ends a transaction that waits longer than DATABASE_IDLE_IN_TRANSACTION_TIMEOUT_MS', async () => {
    const { database, observe } = await opened({ DATABASE_IDLE_IN_TRANSACTION_TIMEOUT_MS: '100' });
    let isGone = false;
    const waiting = database.asSystem('jobs.queue', async (tx) => {
      const { rows } = await tx.execute<{ pid: number }>(sql`select pg_backend_pid() as pid`);
      const connection = `select 1 from pg_stat_activity where pid = ${rows[0]?.pid}`;
      await expect.poll(async () => (await observe(connection)).length).toBe(0);
      isGone = true;
      await tx.execute(sql`select 1`);
    });
    await expect(waiting).rejects.toThrow();
    expect(isGone).toBe(true);
  });
});
