/** What drizzle is told about tables and what the migrations make must be the same; no definition may lie. */

import { globSync } from 'node:fs';
import { is } from 'drizzle-orm';
import { getTableConfig, PgTable } from 'drizzle-orm/pg-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTestDatabase, type TestDatabase } from './support/database.ts';

/** A column, in the words of PostgreSQL. */
interface Shape {
  readonly type: string;
  readonly notNull: boolean;
  readonly hasDefault: boolean;
  /** What an enum or a list of allowed values admits, sorted. */
  readonly values: readonly string[];
}

const columnsSql = `
  select c.relname as table, a.attname as name, a.attnotnull as "notNull", a.atthasdef as "hasDefault",
    regexp_replace(format_type(a.atttypid, a.atttypmod), '^genai\\.', '') as type,
    (select array_agg(e.enumlabel::text order by e.enumlabel) from pg_enum e
      where e.enumtypid in (a.atttypid, (select typelem from pg_type where oid = a.atttypid))) as labels,
    (select array_agg(m[1]) from pg_constraint k, regexp_matches(pg_get_constraintdef(k.oid), '''([^'']*)''::text', 'g') m
      where k.conrelid = c.oid and k.contype = 'c' and k.conkey = array[a.attnum]
        and pg_get_constraintdef(k.oid) like '%ARRAY[%') as allowed
  from pg_class c join pg_attribute a on a.attrelid = c.oid
  where c.relnamespace = 'genai'::regnamespace and c.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped`;

/** The columns of every table in the database, by table and name. */
async function migratedTables(test: TestDatabase): Promise<Record<string, Record<string, Shape>>> {
  const tables: Record<string, Record<string, Shape>> = {};
  for (const row of await test.superuser(columnsSql)) {
    const { table, name, type, notNull, hasDefault, labels, allowed } = row as unknown as Shape & {
      table: string;
      name: string;
      labels: string[] | null;
      allowed: string[] | null;
    };
    tables[table] ??= {};
    tables[table][name] = { type, notNull, hasDefault, values: [...(labels ?? allowed ?? [])].sort() };
  }
  return tables;
}

/** The tables that the modules define, by name, with the file of each. */
async function definedTables(): Promise<{ file: string; table: PgTable }[]> {
  const files = globSync('src/**/tables.ts', { cwd: new URL('..', import.meta.url) });
  const modules = await Promise.all(
    files.map(async (file) => ({
      file,
      exports: (await import(new URL(`../${file}`, import.meta.url).href)) as object,
    })),
  );
  return modules.flatMap(({ file, exports }) =>
    Object.values(exports).flatMap((value) => (is(value, PgTable) ? [{ file, table: value }] : [])),
  );
}

/** A column as drizzle is told, in the words of PostgreSQL. */
function shapesOf(table: PgTable): [name: string, shape: Shape][] {
  return getTableConfig(table).columns.map((column) => [
    column.name,
    {
      type: column.getSQLType(),
      notNull: column.notNull,
      hasDefault: column.hasDefault,
      values: [...(column.enumValues ?? [])].sort(),
    },
  ]);
}

describe('table definitions', () => {
  let test: TestDatabase;
  let migrated: Record<string, Record<string, Shape>>;
  let defined: { file: string; table: PgTable }[];
  beforeAll(async () => {
    test = await openTestDatabase();
    migrated = await migratedTables(test);
    defined = await definedTables();
  });
  afterAll(() => test.close());

  it('agree with the migrated columns in name, type, allowed values and nullability, and promise no default that is not there', () => {
    for (const { file, table } of defined) {
      const { name, schema } = getTableConfig(table);
      expect(schema, file).toBe('genai');
      for (const [column, { hasDefault, ...shape }] of shapesOf(table)) {
        const { hasDefault: hasOne, ...actual } = migrated[name]?.[column] ?? { hasDefault: false };
        expect(shape, `${file}: ${name}.${column}`).toEqual(actual);
        expect(hasDefault && !hasOne, `${file}: ${name}.${column} has no default`).toBe(false);
      }
    }
  });

  it('let every table be written: one definition has all columns that a row must have', () => {
    for (const [name, columns] of Object.entries(migrated)) {
      // Written by the migrator.
      if (name === 'schema_migrations') continue;
      const needed = Object.keys(columns).filter((column) => columns[column]?.notNull && !columns[column]?.hasDefault);
      const offered = defined
        .filter(({ table }) => getTableConfig(table).name === name)
        .map(({ table }) => new Set(shapesOf(table).map(([column]) => column)));
      expect(
        offered.some((given) => needed.every((column) => given.has(column))),
        name,
      ).toBe(true);
    }
  });
});
