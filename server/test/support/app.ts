/** A whole server in this process, on a database of its own, prepared like a first start. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { type App, createApp } from '../../src/app.ts';
import { prepareFirstRun } from '../../src/cli/first-run.ts';
import type { FirstRun, FirstRunUser } from '../../src/cli/first-run-file.ts';
import { type Config, loadConfig } from '../../src/config/index.ts';
import type { BuiltInRole } from '../../src/context.ts';
import type { TestDatabaseKind } from './database.ts';
import { copyPreparedServer } from './prepared-server.ts';
import { makeServerDatabase, type ServerDatabase } from './server-database.ts';

/** A running server with its demo tenants. */
export interface TestApp {
  readonly app: App;
  readonly firstRun: FirstRun;
  readonly baseUrl: string;
  readonly dataDir: string;
  /** Runs SQL as a superuser, on PostgreSQL only. */
  readonly sql: ServerDatabase['sql'];
  /** Lines of the log, newest last. */
  readonly logLines: () => readonly string[];
  /** Sends JSON as a user, or a form or nothing; returns the status and the parsed body. */
  readonly call: (
    as: FirstRunUser | string | undefined,
    method: string,
    path: string,
    body?: unknown,
  ) => Promise<Reply>;
  readonly user: (tenant: 'acme' | 'globex', role: BuiltInRole) => FirstRunUser;
  readonly close: () => Promise<void>;
}

/** An answer of the server. */
export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
  readonly text: string;
}

const logLinesMax = 10_000;

/** How a test server begins. */
export interface TestAppOptions {
  /** Whether it makes the first start itself. Otherwise it may come after one that had the usual settings. */
  readonly isFirstStart?: boolean;
}

/** Starts a server. `environment` overrides settings. */
export async function startTestApp(
  kind: TestDatabaseKind,
  environment: Readonly<Record<string, string>> = {},
  { isFirstStart = false }: TestAppOptions = {},
): Promise<TestApp> {
  const dataDir = mkdtempSync(join(tmpdir(), 'genai-app-'));
  const made =
    kind.name === 'pglite' || isFirstStart
      ? await makeServerDatabase(kind.name, dataDir)
      : await copyPreparedServer(dataDir, startFirst);
  const config = configOf(dataDir, { ...made.environment, ...environment });
  const lines: string[] = [];
  const log = pino({ level: 'debug' }, { write: (line) => void (lines.length < logLinesMax && lines.push(line)) });
  const app = await createApp(config, log);
  const baseUrl = await app.listen();
  const firstRun = await prepareFirstRun(app, dataDir, baseUrl, log, () => {});
  if (firstRun === undefined) throw new Error('The database of a test was not empty.');

  return {
    app,
    firstRun,
    baseUrl,
    dataDir,
    sql: made.sql,
    logLines: () => lines,
    async call(as, method, path, body) {
      const key = typeof as === 'string' ? as : as?.api_key;
      const response = await fetch(new URL(path, baseUrl), {
        method,
        headers: {
          ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
          ...(body === undefined || body instanceof FormData ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: body instanceof FormData ? body : JSON.stringify(body) }),
      });
      const text = await response.text();
      return { status: response.status, headers: response.headers, text, body: parsed(text) };
    },
    user(slug, role) {
      const found = firstRun.tenants.find((tenant) => tenant.slug === slug)?.users.find((user) => user.role === role);
      if (found === undefined) throw new Error(`There is no ${role} of ${slug}.`);
      return found;
    },
    async close() {
      await app.close();
      await made.remove();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

function configOf(dataDir: string, environment: Readonly<Record<string, string>>): Config {
  const secrets = {
    JWT_SECRET_KEY: 'jwt-for-tests-0123456789-abcdefghijkl',
    API_KEY_PEPPER: 'pepper-for-tests-0123456789-abcdefgh',
  };
  const own = { PORT: '0', GENAI_DATA_DIR: dataDir, PASSWORD_HASH_MEMORY_KIB: '8192' };
  return loadConfig({ environment: { ...own, ...secrets, ...environment }, directory: dataDir }).config;
}

async function startFirst(environment: Readonly<Record<string, string>>, dataDir: string): Promise<void> {
  const log = pino({ level: 'silent' });
  const app = await createApp(configOf(dataDir, environment), log);
  await prepareFirstRun(app, dataDir, await app.listen(), log);
  await app.close();
}

function parsed(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return {};
  }
}
