import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestDatabase, testDatabases } from '../../../test/support/database.ts';
import { identityOn, identitySettings, type TestIdentity } from '../../../test/support/identity.ts';
import { newId } from '../../db/index.ts';
import { isAppError } from '../../errors.ts';
import { createIdentity, operatorRealm } from '../index.ts';

const codeIs = (code: Parameters<typeof isAppError>[1]) => (error: unknown) => isAppError(error, code);

describe.each(testDatabases)('operators on $name', ({ open }) => {
  let test: TestDatabase;
  let platform: TestIdentity;
  beforeAll(async () => {
    test = await open();
    platform = identityOn(test);
  });
  afterAll(async () => {
    platform.close();
    await test.close();
  });

  it('knows an operator by a key that is shown once, stored as a hash, and stops when revoked', async () => {
    const { key, id, name } = await platform.identity.createOperatorKey('on call', platform.actor);
    expect(await platform.identity.authenticateOperator(key)).toEqual({ id, name });
    expect(JSON.stringify(await test.superuser('select * from genai.operator_keys'))).not.toContain(key.slice(-43));
    for (const wrong of [key.replace(key.slice(-43), 'A'.repeat(43)), key.slice(0, -1), `${key}A`]) {
      await expect(platform.identity.authenticateOperator(wrong)).rejects.toSatisfy(codeIs('authentication_required'));
    }
    await platform.identity.revokeOperatorKey(id, { kind: 'operator', id });
    await expect(platform.identity.authenticateOperator(key)).rejects.toSatisfy(codeIs('authentication_required'));
    for (const gone of [id, newId('operatorKey'), '\u0000']) {
      await expect(platform.identity.revokeOperatorKey(gone, platform.actor)).rejects.toSatisfy(
        codeIs('resource_not_found'),
      );
    }
    const rows = await test.superuser('select action from genai.audit_events where tenant_id = $1 order by id', [
      operatorRealm.tenantId,
    ]);
    expect(rows.map(({ action }) => action)).toEqual(['operator_key.created', 'operator_key.revoked']);
  });

  it('keeps the realms apart: an operator key is nobody in a tenant', async () => {
    const { key } = await platform.identity.createOperatorKey('apart', platform.actor);
    await expect(platform.identity.authenticate(key)).rejects.toSatisfy(codeIs('authentication_required'));
  });

  it('refuses a second key of the same name', async () => {
    await platform.identity.createOperatorKey('twin', platform.actor);
    await expect(platform.identity.createOperatorKey(' twin ', platform.actor)).rejects.toSatisfy(
      codeIs('state_conflict'),
    );
  });

  it('does not start without its secrets', () => {
    const settings = { ...identitySettings(), apiKeyPepper: undefined };
    expect(() =>
      createIdentity({ database: test.database, vault: {} as never, audit: platform.audit, settings }),
    ).toThrow('API_KEY_PEPPER');
  });
});
