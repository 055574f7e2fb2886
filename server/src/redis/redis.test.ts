import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../test/support/free-port.ts';
import { openRedis, poolOn, type TestRedis, testRedisKinds } from '../../test/support/redis.ts';
import { newId } from '../db/index.ts';
import { createLibrary, createScripts } from './index.ts';
import { loadScript } from './script.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'genai-scripts-'));
  const scripts = {
    prefix: "local function named(text) return 'hello ' .. text end",
    greet: "-- include prefix\nredis.call('SET', KEYS[1], ARGV[1])\nreturn named(redis.call('GET', KEYS[1]))",
    time: '-- include clock\n-- include random\nreturn { now_us(tonumber(ARGV[1])), now_ms(), random, #ARGV }',
    elsewhere: "return redis.call('GET', 'another-slot')",
    broken: "return redis.call('GET')",
    library:
      "-- include prefix\nredis.register_function(library .. 'greet', function(keys, args) return named(args[1]) end)",
    flush: "return redis.call('SET', KEYS[1], 1)",
  };
  for (const [name, source] of Object.entries(scripts)) writeFileSync(join(folder, `${name}.lua`), source);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a script', () => {
  it('is what it includes, and then itself', () => {
    const { script, includes } = loadScript(folder, 'greet');
    expect(includes).toEqual(['prefix']);
    expect(script.source).toMatch(/^local function named.*\n-- include prefix\n/);
    expect(loadScript(folder, 'greet').script).toEqual(script);
    expect(loadScript(folder, 'time').script.sha1).not.toBe(script.sha1);
  });

  it('that is not there, or includes what is not there, is an error at once', () => {
    writeFileSync(join(folder, 'dangling.lua'), '-- include nothing\n');
    for (const name of ['absent', 'dangling']) expect(() => loadScript(folder, name)).toThrow('ENOENT');
  });
});

describe.each(testRedisKinds)('a pool of connections to $name', ({ open }) => {
  let redis: TestRedis;
  beforeAll(async () => {
    redis = await open();
  });
  afterAll(() => redis?.close());

  const scripts = () => createScripts(redis.pool, folder, ['greet', 'time', 'broken']);
  /** Keys that fall on different nodes of a cluster. */
  const keys = () => Array.from({ length: 12 }, () => newId('request'));

  it('runs a script wherever its key is, also where Redis does not know the script yet', async () => {
    writeFileSync(join(folder, 'unknown.lua'), `-- ${newId('request')}\nreturn redis.call('SET', KEYS[1], ARGV[1])`);
    const { unknown } = createScripts(redis.pool, folder, ['unknown']);
    expect(new Set(await Promise.all(keys().map((key) => unknown([key], [1]))))).toEqual(new Set(['OK']));
    const greeted = await Promise.all(keys().map((key) => scripts().greet([key], [key])));
    expect(greeted.every((text) => String(text).startsWith('hello req_'))).toBe(true);
  });

  it('gives scripts the time of Redis, which is never before the last one seen, and new random bytes', async () => {
    const run = async (lastUs: number) => (await scripts().time(['k'], [lastUs])) as [number, number, string, number];
    const [first, second] = [await run(0), await run(0)];
    expect(Math.abs(first[0] / 1000 - Date.now())).toBeLessThan(60_000);
    expect(second[0]).toBeGreaterThan(first[0]);
    expect(first[1]).toBe(Math.floor(first[0] / 1000));
    expect(first[2]).toMatch(/^[0-9a-f]{32}$/);
    expect(second[2]).not.toBe(first[2]);
    expect(first[3]).toBe(1);
    const aheadUs = first[0] + 3_600_000_000;
    expect((await run(aheadUs))[0]).toBe(aheadUs);
  });

  it('gives them the time and the random bytes of a test instead', async () => {
    const inputs = { nowUs: () => 1_234_567, random: () => 'ab' };
    const { time } = createScripts(redis.pool, folder, ['time'], inputs);
    expect(await time(['k'], [5])).toEqual([1_234_567, 1234, 'ab', 1]);
  });

  it('keeps the functions of a library on every node, beside those of others', async () => {
    const { greet } = createLibrary(redis.pool, folder, 'library', ['greet']);
    const greetings = () => Promise.all(keys().map((key) => greet([key], ['you'])));
    expect(new Set(await greetings())).toEqual(new Set(['hello you']));
    const count = "redis.register_function(library .. 'count', function() return 1 end)";
    writeFileSync(join(folder, 'other.lua'), `-- ${newId('request')}\n${count}`);
    expect(await createLibrary(redis.pool, folder, 'other', ['count']).count(['k'], [])).toBe(1);
    expect(new Set(await greetings())).toEqual(new Set(['hello you']));
  });

  it('sends nothing for somebody who has left, and says why they left', async () => {
    const key = newId('request');
    const signal = AbortSignal.abort(new DOMException('late', 'TimeoutError'));
    await expect(scripts().greet([key], ['x'], signal)).rejects.toMatchObject({ code: 'request_timeout' });
  });

  it('does not hide a mistake of ours behind an outage', async () => {
    await expect(scripts().broken(['k'], [])).rejects.toThrow(/Wrong number of args/);
  });
});

describe('a pool of connections', () => {
  const nowhere = async () => ({ url: `redis://127.0.0.1:${await freePort()}`, isCluster: false });

  it('says that Redis is not available, at once, while it is not', async () => {
    const pool = poolOn(await nowhere());
    const { greet } = createScripts(pool, folder, ['greet']);
    for (const command of [pool.ping, () => greet(['k'], ['x'])]) {
      await expect(command()).rejects.toMatchObject({ code: 'dependency_unavailable' });
    }
    await pool.close();
  });
});

describe.each(testRedisKinds.filter(({ isCluster }) => isCluster))('$name', ({ open }) => {
  let redis: TestRedis;
  beforeAll(async () => {
    redis = await open();
  });
  afterAll(() => redis?.close());

  it('is found by any of REDIS_CLUSTER_NODES when the node of REDIS_URL is away', async () => {
    const { host, password } = new URL(redis.url);
    const url = `redis://:${password}@127.0.0.1:${await freePort()}`;
    const pool = poolOn({ url, isCluster: true, clusterNodes: [host] });
    await pool.ready();
    await pool.ping();
    await pool.close();
  });

  it('needs REDIS_CLUSTER, and says so', async () => {
    const { pool, close } = await openRedis({ url: redis.url, isCluster: false });
    const { greet } = createScripts(pool, folder, ['greet']);
    const all = Array.from({ length: 12 }, () => greet([newId('request')], ['x']));
    const refused = (await Promise.allSettled(all)).filter(({ status }) => status === 'rejected');
    expect(refused.length).toBeGreaterThan(0);
    expect(refused[0]).toMatchObject({
      reason: { code: 'dependency_unavailable', detail: 'Redis is a cluster, and REDIS_CLUSTER is not set.' },
    });
    await close();
  });
});
