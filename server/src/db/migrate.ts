/**
 * Applies numbered SQL files, forward only, each in its own transaction, under one advisory lock.
 *
 * Files run as genai_owner. A file that changed after it was applied is refused: history is append-only.
 */

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import pg from 'pg';
import { getConstructionPlans } from 'pg-boss';
import { SetupError } from '../errors.ts';
import { type Connection, inRole } from './in-role.ts';

/** The login that the server uses at run time. */
export interface ServerLogin {
  readonly name: string;
  readonly password: string | undefined;
}

/** What a migration run needs. */
export interface MigrateOptions {
  readonly login: ServerLogin;
  readonly onMigration: (name: string) => void;
}

const folder = new URL('../../migrations/', import.meta.url);
const rolesFile = '0000_roles.sql';
/** Any constant; all our migrators agree on it. */
const advisoryLockKey = 7_368_911_202;
/** Schema of the job queue; migrated by its own library's plan, owned by genai_owner like ours. */
const jobSchema = 'pgboss';

/** No such role, not a member of it, no such schema, no such table. */
const statesBeforeSetUp = new Set(['22023', '42501', '3F000', '42P01']);

interface Migration {
  readonly name: string;
  readonly sql: string;
  readonly checksum: string;
}

/** Brings the database of `owner`, a login that may create roles, up to date. Idempotent and safe to run concurrently. */
export async function migrate(owner: pg.Client, options: MigrateOptions): Promise<void> {
  await owner.query(`select pg_advisory_lock(${advisoryLockKey})`);
  try {
    await owner.query(readFileSync(new URL(rolesFile, folder), 'utf8'));
    await ensureServerLogin(owner, options.login);
    const applied = await appliedChecksums(owner);
    for (const migration of migrationFiles()) {
      const checksum = applied.get(migration.name);
      if (checksum === migration.checksum) continue;
      if (checksum !== undefined) {
        throw new SetupError(
          `Migration ${migration.name} was changed after it was applied. Restore it and add a new file.`,
        );
      }
      await apply(owner, migration);
      options.onMigration(migration.name);
    }
    await ensureJobSchema(owner);
  } finally {
    await owner.query(`select pg_advisory_unlock(${advisoryLockKey})`);
  }
}

/** A migration and whether the database has it. `unknown` is one of a later version of this program. */
export interface MigrationState {
  readonly name: string;
  readonly state: 'applied' | 'pending' | 'unknown';
}

/** What the server's login sees of the migrations, in order. Before the first one all are pending. */
export async function migrationStates(connection: Connection): Promise<readonly MigrationState[]> {
  const { rows } = await inRole(connection, 'genai_system', () =>
    connection.query<{ name: string }>('select name from genai.schema_migrations'),
  ).catch((error: { code?: string }) => {
    if (statesBeforeSetUp.has(error.code ?? '')) return { rows: [] };
    throw error;
  });
  const applied = new Set(rows.map(({ name }) => name));
  const known = new Set(migrationFiles().map(({ name }) => name));
  const stateOf = (name: string) => {
    if (!known.has(name)) return 'unknown';
    return applied.has(name) ? 'applied' : 'pending';
  };
  return [...new Set([...known, ...applied])].sort().map((name) => ({ name, state: stateOf(name) }));
}

/** @throws {SetupError} unless every migration of this version is applied, and none of a later one. */
export async function assertMigrated(connection: Connection): Promise<void> {
  const fix = 'Run `genai migrate` with DATABASE_OWNER_URL set to a login that may create roles.';
  const states = await migrationStates(connection);
  const namesIn = (wanted: MigrationState['state']) =>
    states.filter(({ state }) => state === wanted).map(({ name }) => name);
  const [pending, unknown] = [namesIn('pending'), namesIn('unknown')];
  if (pending.length === states.length) throw new SetupError(`The database is not set up. ${fix}`);
  if (pending.length > 0) throw new SetupError(`Migrations are pending: ${pending.join(', ')}. ${fix}`);
  if (unknown.length > 0) {
    throw new SetupError(
      `The database was migrated by a later version (${unknown.join(', ')}). Start that version or newer.`,
    );
  }
}

function migrationFiles(): Migration[] {
  return readdirSync(folder)
    .filter((name) => /^\d{4}_.+\.sql$/.test(name) && name !== rolesFile)
    .sort()
    .map((name) => {
      const sql = readFileSync(new URL(name, folder), 'utf8');
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
    });
}

async function appliedChecksums(owner: pg.Client): Promise<Map<string, string>> {
  const { rows } = await owner.query<{ name: string; checksum: string }>(
    'select name, checksum from genai.schema_migrations',
  );
  return new Map(rows.map(({ name, checksum }) => [name, checksum]));
}

async function apply(owner: pg.Client, migration: Migration): Promise<void> {
  await inOwnerTransaction(owner, async () => {
    await owner.query(migration.sql);
    await owner.query('insert into genai.schema_migrations (name, checksum) values ($1, $2)', [
      migration.name,
      migration.checksum,
    ]);
  });
}

async function inOwnerTransaction(owner: pg.Client, fn: () => Promise<void>): Promise<void> {
  await owner.query('begin; set local role genai_owner');
  try {
    await fn();
    await owner.query('commit');
  } catch (error) {
    await owner.query('rollback');
    throw error;
  }
}

async function ensureServerLogin(owner: pg.Client, login: ServerLogin): Promise<void> {
  const name = pg.escapeIdentifier(login.name);
  const { rowCount } = await owner.query('select from pg_roles where rolname = $1', [login.name]);
  if (rowCount === 0) {
    const password = login.password === undefined ? '' : `password ${pg.escapeLiteral(login.password)}`;
    await owner.query(`create role ${name} login noinherit nosuperuser nobypassrls ${password}`);
  }
  await owner.query(`grant genai_app, genai_system to ${name}`);
}

async function ensureJobSchema(owner: pg.Client): Promise<void> {
  await owner.query(`create schema if not exists ${jobSchema} authorization genai_owner`);
  const { rowCount } = await owner.query('select where to_regclass($1) is null', [`${jobSchema}.version`]);
  if (rowCount === 1) {
    // The plan brings its own transaction, so the role is set for the session and taken back.
    await owner.query('set role genai_owner');
    try {
      await owner.query(getConstructionPlans(jobSchema, { createSchema: false }));
    } finally {
      await owner.query('rollback; reset role');
    }
  }
  await owner.query(`
    grant usage on schema ${jobSchema} to genai_system;
    grant select, insert, update, delete on all tables in schema ${jobSchema} to genai_system;
    grant execute on all functions in schema ${jobSchema} to genai_system;
    grant usage on all sequences in schema ${jobSchema} to genai_system`);
}
