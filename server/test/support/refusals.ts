/** What every refusal must look like, and that it left nothing behind. */

import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { expect } from 'vitest';
import { type ErrorCode, errorCodes } from '../../src/errors.ts';
import type { TestApp } from './app.ts';

/** A refusal, reduced to what tests compare. */
export interface Refusal {
  readonly status: number;
  readonly code: ErrorCode;
}

/** Sends a request that must be refused in the documented form: a code of the table with its status, never 5xx. */
export async function refusalOf(server: TestApp, path: string, init: RequestInit): Promise<Refusal> {
  const response = await fetch(server.baseUrl + path, init);
  const text = await response.text();
  const what = `${init.method ?? 'GET'} ${path.slice(0, 100)}: ${response.status} ${text.slice(0, 500)}`;
  expect(response.headers.get('x-request-id'), what).toMatch(/^req_/);
  return documented(response.status, response.headers.get('content-type') ?? '', text, what);
}

/** Sends bytes on a connection of their own, and reads until the server closes it. */
export async function answersTo(server: TestApp, bytes: string | Buffer): Promise<string> {
  const socket = connect(Number(new URL(server.baseUrl).port), '127.0.0.1');
  let answer = '';
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    answer += chunk;
  });
  socket.on('error', () => {});
  socket.write(bytes);
  await once(socket, 'close');
  return answer;
}

/** The one refusal that raw bytes must get. */
export async function refusalOfBytes(server: TestApp, bytes: string | Buffer): Promise<Refusal> {
  const answer = await answersTo(server, bytes);
  const [head = '', body = ''] = answer.split('\r\n\r\n', 2);
  // A second answer would mean that a part of the first request was taken for another.
  expect(answer.match(/HTTP\/1\.1 \d/g), answer).toHaveLength(1);
  const status = Number(/^HTTP\/1\.1 (\d+)/.exec(head)?.[1]);
  return documented(status, /^content-type: (.+)$/im.exec(head)?.[1] ?? '', body, answer);
}

function documented(status: number, mediaType: string, text: string, what: string): Refusal {
  expect(mediaType, what).toMatch(/^application\/((problem|scim)\+)?json/);
  const code = codeIn(text);
  expect(Object.keys(errorCodes), what).toContain(code);
  if (code === undefined) throw new Error(what);
  expect(errorCodes[code].status, what).toBe(status);
  expect(status, what).toBeLessThan(500);
  return { status, code };
}

/** The code of an error, in whichever dialect. Errors of SCIM have no code of ours, but they begin with its title. */
export function codeIn(text: string): ErrorCode | undefined {
  const body = JSON.parse(text) as { code?: ErrorCode; error?: { code: ErrorCode }; detail?: string };
  const { detail = '' } = body;
  const isTitled = (code: ErrorCode) => detail.startsWith(errorCodes[code].title);
  return body.error?.code ?? body.code ?? (Object.keys(errorCodes) as ErrorCode[]).find(isTitled);
}

/** Rows that a refusal adds to on purpose. */
const logs = ['audit_events', 'security_events'];

/** All files, and all rows except logs of refusals: counted by table where the database can be read, else the ids in lists. */
export async function storedIn(server: TestApp): Promise<Record<string, unknown>> {
  const blobs = join(server.dataDir, 'blobs');
  const files = readdirSync(blobs, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return { files: files.map(({ name }) => name).toSorted(), ...(await rowsIn(server)) };
}

async function rowsIn(server: TestApp): Promise<Record<string, unknown>> {
  if (server.sql === undefined) {
    const lists = ['documents', 'users', 'keys'];
    const admin = server.user('acme', 'admin');
    const ids = async (list: string) => {
      const { body } = await server.call(admin, 'GET', `/api/${list}?limit=200`);
      return [list, (body['data'] as { id: string }[]).map(({ id }) => id)];
    };
    return Object.fromEntries(await Promise.all(lists.map(ids)));
  }
  const tables = await server.sql(`select tablename as name from pg_tables where schemaname = 'genai'`);
  const counted = tables.map(({ name }) => String(name)).filter((name) => !logs.includes(name));
  const counts = counted.map((name) => `select '${name}' as name, count(*)::int as rows from genai.${name}`);
  const rows = await server.sql(counts.join(' union all '));
  return Object.fromEntries(rows.map(({ name, rows: count }) => [String(name), count]));
}
