/**
 * Who may call what: every operation with every kind of credential, as the server really decides it, against the table
 * of permissions. The matrix is committed (permissions.matrix.txt), so that a change of it is seen in review.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Permission, permissionNames, roleHolds } from '../src/access/index.ts';
import { type BuiltInRole, builtInRoles } from '../src/context.ts';
import type { Operation } from '../src/http/operation.ts';
import { operations } from '../src/http/routes/index.ts';
import { breakGlassPermissions } from '../src/identity/break-glass/access-rows.ts';
import { openTestServer, type TestServer } from './support/http.ts';

let server: TestServer;
beforeAll(async () => {
  server = await openTestServer({ environment: { RATE_LIMIT_ANONYMOUS_REQUESTS_PER_MINUTE: '1000000' } });
});
afterAll(() => server.stop());

/** Ways to present oneself, in the order of the columns. */
const columns = ['anonymous', 'viewer', 'analyst', 'admin', 'break_glass', 'operator'] as const;
type Column = (typeof columns)[number];

function headersOf(column: Column): Record<string, string> {
  if (column === 'anonymous') return {};
  if (column === 'break_glass') return server.breakGlass.headers;
  return column === 'operator' ? server.operator.headers : server.acme[column].headers;
}

/**
 * What becomes of a call that names nothing that exists and sends nothing valid: whoever may call learns that, and
 * nothing is done; whoever may not learns that first.
 */
async function verdict({ method, path }: Operation, headers: Record<string, string>): Promise<string> {
  const url = path.replace('{id}', `doc_${'0'.repeat(32)}`);
  const { statusCode } = await server.inject({ method, url, headers });
  expect(statusCode, `${method} ${path}`).toBeLessThan(500);
  if (statusCode === 401) return 'unknown';
  return statusCode === 403 ? 'denied' : 'allowed';
}

/** What the declarations and the table of permissions say. */
function expected({ access, operationId }: Operation, column: Column): string {
  if (access === 'public') return 'allowed';
  if (column === 'anonymous') return 'unknown';
  if (access === 'operator') return column === 'operator' ? 'allowed' : 'denied';
  // The realm of operators and that of tenants do not know each other's credentials.
  if (column === 'operator') return 'unknown';
  if (column === 'break_glass') {
    // Nobody of the tenant, so there is nothing to say of them.
    if (operationId === 'getMe') return 'denied';
    return access === 'authenticated' || breakGlassPermissions.includes(access.permission) ? 'allowed' : 'denied';
  }
  return access === 'authenticated' || roleHolds(column, access.permission) ? 'allowed' : 'denied';
}

function permissionOf({ access }: Operation): Permission | undefined {
  return typeof access === 'object' ? access.permission : undefined;
}

describe('every operation', () => {
  it('lets in exactly whom the table of permissions names, by every kind of credential', async () => {
    const rows: string[] = [];
    for (const operation of operations) {
      const verdicts: string[] = [];
      for (const column of columns) {
        const actual = await verdict(operation, headersOf(column));
        expect(actual, `${operation.operationId} as ${column}`).toBe(expected(operation, column));
        verdicts.push(actual);
      }
      rows.push(matrixRow(operation.operationId, permissionOf(operation) ?? String(operation.access), verdicts));
    }
    const matrix = [matrixRow('operation', 'access', columns), ...rows].join('\n');
    await expect(`${matrix}\n`).toMatchFileSnapshot('permissions.matrix.txt');
  });

  it('is decided alike for an access token and for a key of the same user', async () => {
    for (const operation of operations) {
      // Of the two only a session can be logged out of, and it is needed until the end.
      if (operation.operationId === 'logout') continue;
      for (const role of builtInRoles) {
        const { accessToken, headers } = server.acme[role];
        const byToken = await verdict(operation, { authorization: `Bearer ${accessToken}` });
        expect(byToken, `${operation.operationId} as ${role}`).toBe(await verdict(operation, headers));
      }
    }
  });

  it.each(permissionNames)('is closed to a key scoped for %s unless that is what it demands', async (scope) => {
    const response = await server.inject({
      method: 'POST',
      url: '/api/keys',
      headers: server.acme.admin.headers,
      payload: { name: scope, scopes: [scope] },
    });
    expect(response.statusCode).toBe(201);
    const headers = { authorization: `Bearer ${response.json<{ key: string }>().key}` };
    for (const operation of operations) {
      const needed = permissionOf(operation);
      const isOpen = operation.access === 'public' || operation.access === 'authenticated' || needed === scope;
      expect(await verdict(operation, headers), operation.operationId).toBe(isOpen ? 'allowed' : 'denied');
    }
  });

  it('is closed to a key as soon as the role of its user is too small for it', async () => {
    const { admin, analyst } = server.acme;
    const chat = operations.filter((operation) => permissionOf(operation) === 'chat:create');
    const setRole = (role: BuiltInRole) =>
      server.inject({
        method: 'PATCH',
        url: `/api/users/${analyst.userId}`,
        headers: admin.headers,
        payload: { role },
      });
    const make = (scopes: readonly string[]) =>
      server.inject({
        method: 'POST',
        url: '/api/keys',
        headers: analyst.headers,
        payload: { name: 'narrow', scopes },
      });

    expect((await make(['audit:read'])).statusCode).toBe(403);
    const headers = { authorization: `Bearer ${(await make(['chat:create'])).json<{ key: string }>().key}` };
    for (const [role, wanted] of [
      ['analyst', 'allowed'],
      ['viewer', 'denied'],
      ['analyst', 'allowed'],
    ] as const) {
      expect((await setRole(role)).statusCode).toBe(200);
      for (const operation of chat) expect(await verdict(operation, headers), role).toBe(wanted);
    }
  });
});

function matrixRow(operation: string, access: string, verdicts: readonly string[]): string {
  return [operation.padEnd(24), access.padEnd(24), ...verdicts.map((verdict) => verdict.padEnd(12))].join('').trimEnd();
}
