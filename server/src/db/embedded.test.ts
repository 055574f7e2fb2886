import { rmSync } from 'node:fs';
import type { Duplex } from 'node:stream';
import { PGlite } from '@electric-sql/pglite';
import { sql } from 'drizzle-orm';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { copyPgliteTemplate } from '../../test/support/database.ts';
import { loadConfig } from '../config/index.ts';
import { type EmbeddedDatabase, openEmbeddedDatabase } from './embedded.ts';
import { openOverEmbedded } from './open.ts';

const folders: string[] = [];
let embedded: EmbeddedDatabase;
beforeAll(async () => {
  embedded = await openEmbeddedDatabase(newFolder());
});
afterAll(async () => {
  await embedded.close();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

function newFolder(): string {
  const folder = copyPgliteTemplate();
  folders.push(folder);
  return folder;
}

async function connected(): Promise<pg.Client> {
  const client = new pg.Client({ user: 'postgres', database: 'postgres', stream: embedded.connect });
  await client.connect();
  return client;
}

describe('the driver over the embedded database', () => {
  it('answers many queries, each with its own values', async () => {
    const client = await connected();
    for (let index = 0; index < 200; index++) {
      const { rows } = await client.query('select $1::int as value, $2::text as name', [index, `n${index}`]);
      expect(rows).toEqual([{ value: index, name: `n${index}` }]);
    }
    await client.end();
  });

  it('recovers from an error at every step of an extended query', async () => {
    const client = await connected();
    await client.query('create temp table numbers (n int primary key)');
    const states: string[] = [];
    for (const [text, value] of [
      ['insert into numbers values ($1)', 1],
      ['this is not SQL, $1', 1],
      ['insert into numbers values ($1::int)', 'not a number'],
      ['insert into numbers values ($1)', 1],
      ['select 1 / $1::int as x', 0],
      ['insert into numbers values ($1)', 2],
    ] as const) {
      const state = client.query(text, [value]).then(
        () => 'ok',
        (error: { code: string }) => error.code,
      );
      states.push(await state);
    }
    expect(states).toEqual(['ok', '42601', '22P02', '23505', '22012', 'ok']);
    expect((await client.query('select n from numbers order by n')).rows).toEqual([{ n: 1 }, { n: 2 }]);
    await client.end();
  });

  it('keeps a failed transaction failed until it is rolled back', async () => {
    const client = await connected();
    await client.query('begin');
    await expect(client.query('select $1::int', ['x'])).rejects.toMatchObject({ code: '22P02' });
    await expect(client.query('select $1::int', [1])).rejects.toMatchObject({ code: '25P02' });
    await client.query('rollback');
    expect((await client.query('select $1::int as one', [1])).rows).toEqual([{ one: 1 }]);
    await client.end();
  });

  it('carries results and parameters of many megabytes unchanged', async () => {
    const client = await connected();
    const text = 'Grüße, 世界. '.repeat(400_000);
    const bytes = Buffer.alloc(6_000_000, Buffer.from(Array.from({ length: 256 }, (_, index) => index)));
    const { rows } = await client.query('select $1::text as text, $2::bytea as bytes', [text, bytes]);
    expect(rows[0].text === text && bytes.equals(rows[0].bytes)).toBe(true);
    const many = await client.query("select i, repeat('x', 100) as pad from generate_series(1, 30000) i");
    expect([many.rowCount, many.rows.at(-1)]).toEqual([30_000, { i: 30_000, pad: 'x'.repeat(100) }]);
    await client.end();
  });
});

describe('the embedded database', () => {
  it('dumps what was committed, while a transaction is open, and the dump starts elsewhere', async () => {
    const client = await connected();
    await client.query("create table kept (word text); insert into kept values ('committed')");
    await client.query("begin; insert into kept values ('open')");
    const dump = await embedded.dump();
    await client.query('rollback; drop table kept');
    await client.end();
    const elsewhere = await PGlite.create({ loadDataDir: new Blob([new Uint8Array(dump)]) });
    expect((await elsewhere.query('select word from kept')).rows).toEqual([{ word: 'committed' }]);
    await elsewhere.close();
  });

  it('lets no transaction outlive its connection', async () => {
    const dataDir = newFolder();
    const streams: Duplex[] = [];
    const own = await openEmbeddedDatabase(dataDir);
    const connect = () => {
      const stream = own.connect();
      streams.push(stream);
      return stream;
    };
    const { config } = loadConfig({ environment: { GENAI_DATA_DIR: dataDir }, directory: dataDir });
    const hooks = { onSystemTransaction: () => {}, onMigration: () => {}, onIdleError: () => {} };
    const { database } = await openOverEmbedded({ ...own, connect }, config, hooks);
    const insert = sql`insert into genai.tenants (tenant_id, slug, name, tier) values ('ten_a', 'aa', 'A', 'free')`;
    const cutOff = database.asSystem('tenants.administer', async (tx) => {
      await tx.execute(insert);
      streams.at(-1)?.destroy();
      await tx.execute(sql`select 1`);
    });
    await expect(cutOff).rejects.toMatchObject({ code: 'dependency_unavailable' });
    const count = sql`select count(*)::int as n from genai.tenants`;
    const { rows } = await database.asSystem('tenants.administer', (tx) => tx.execute(count));
    expect(rows).toEqual([{ n: 0 }]);
    await database.close();
  });

  it('fails every waiting and later query when it stops, as unavailable, and waits for none', async () => {
    const own = await openEmbeddedDatabase(newFolder());
    const client = new pg.Client({ user: 'postgres', database: 'postgres', stream: own.connect });
    client.on('error', () => {});
    await client.connect();
    const closing = own.close();
    await expect(client.query('select 1')).rejects.toThrow(/embedded database|not queryable|terminated/);
    await closing;
    await expect(own.dump()).rejects.toThrow('The embedded database has stopped.');
  });
});
