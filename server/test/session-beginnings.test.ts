/**
 * Every operation that gives somebody a credential, found by what it answers: a new one is a reviewed decision, written
 * down here, and each goes through the same checks. A way in that forgets the rules of a tenant is how others were broken.
 */

import { globSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { openApiDocument } from '../src/http/openapi-document.ts';
import { operations } from '../src/http/routes/index.ts';

/** Operations that answer with something that opens something. */
const reviewed: Readonly<Record<string, string>> = {
  login: 'a session, by password: sessions.start',
  exchangeSignIn: 'a session, by the identity provider: sessions.start',
  refreshLogin: 'the next tokens of a session that stands, whose row it locks',
  enrolSecondFactor: 'the secret of a second factor, which opens nothing without the password',
  confirmSecondFactor: 'recovery codes, which open nothing without the password',
  openBreakGlass: 'a key of an operator for one tenant, with a reason and an end, in the audit log of the tenant',
  createKey: 'an API key, never with more than whoever makes it',
};
const root = new URL('../', import.meta.url);

/** Whether a schema has something in it that `secretOf` marked, also in what it refers to. */
function holdsSecret(schema: unknown, schemas: Readonly<Record<string, unknown>>, seen = new Set<unknown>()): boolean {
  if (typeof schema !== 'object' || schema === null || seen.has(schema)) return false;
  seen.add(schema);
  if ('format' in schema && schema.format === 'password') return true;
  return Object.entries(schema).some(([key, value]) => {
    const target: unknown = key === '$ref' ? schemas[String(value).split('/').at(-1) ?? ''] : value;
    return holdsSecret(target, schemas, seen);
  });
}

describe('credentials', () => {
  it('are given by the reviewed operations and no others', () => {
    const { paths, components } = openApiDocument(operations);
    const giving = Object.values(paths)
      .flatMap((methods) => Object.values(methods))
      .filter(({ responses }) => {
        const answers = Object.entries(responses).filter(([status]) => status.startsWith('2'));
        return answers.some(([, answer]) => holdsSecret(answer, components.schemas));
      })
      .map(({ operationId }) => operationId);
    expect(giving.toSorted()).toEqual(Object.keys(reviewed).toSorted());
  });

  it('that are sessions begin in one place, which its callers name by the proof they took', () => {
    const files = globSync('src/**/*.ts', { cwd: root }).filter((file) => !file.endsWith('.test.ts'));
    const having = (pattern: RegExp) =>
      files.filter((file) => pattern.test(readFileSync(new URL(file, root), 'utf8'))).toSorted();
    expect(having(/\.insert\(sessions\)/)).toEqual(['src/identity/sessions/sessions.ts']);
    expect(having(/\bsessions\.start\(/)).toEqual([
      'src/identity/federation/sign-in.ts',
      'src/identity/sessions/login.ts',
    ]);
    expect(having(/accessTokens\.issue\(/)).toEqual(['src/identity/sessions/sessions.ts']);
  });
});
