import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestDatabase, testDatabases } from '../../test/support/database.ts';
import { identityOn, type TestIdentity } from '../../test/support/identity.ts';
import { isAppError } from '../errors.ts';

const codeIs = (code: Parameters<typeof isAppError>[1]) => (error: unknown) => isAppError(error, code);

describe.each(testDatabases)('tenants on $name', ({ open }) => {
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

  it('makes a tenant that is found by id and by slug, with its creation in its own audit log', async () => {
    const by = { actor: { kind: 'operator', id: 'opk_1' }, requestId: 'req_1' } as const;
    const made = await platform.tenants.create({ slug: 'acme', name: ' Acme GmbH ', tier: 'enterprise' }, by);
    expect(made).toMatchObject({
      slug: 'acme',
      name: 'Acme GmbH',
      tier: 'enterprise',
      status: 'active',
      region: 'local',
    });
    expect(await platform.tenants.find('acme')).toEqual(made);
    expect(await platform.tenants.find(made.id)).toEqual(made);
    expect(await platform.tenants.get({ tenantId: made.id })).toEqual(made);
    const rows = await test.superuser('select action, request_id from genai.audit_events where tenant_id = $1', [
      made.id,
    ]);
    expect(rows).toEqual([{ action: 'tenant.created', request_id: 'req_1' }]);
  });

  it('refuses a slug that is taken, also to two who come at once, and writes nothing for the loser', async () => {
    const attempts = [1, 2, 3].map((n) =>
      platform.tenants.create({ slug: 'twin', name: `Twin ${n}`, tier: 'free' }, platform),
    );
    const results = await Promise.allSettled(attempts);
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const refused = results.filter((result) => result.status === 'rejected');
    expect(refused.every(({ reason }) => isAppError(reason, 'state_conflict'))).toBe(true);
    const rows = await test.superuser(`select count(*)::int as events from genai.audit_events e
      where action = 'tenant.created' and not exists (select from genai.tenants t where t.tenant_id = e.tenant_id)`);
    expect(rows).toEqual([{ events: 0 }]);
  });

  it.each([
    ['slug', { slug: 'A b' }],
    ['slug', { slug: '-x' }],
    ['slug', { slug: 'nul\u0000nul' }],
    ['name', { name: '' }],
    ['name', { name: 'bell\u0007' }],
    ['tier', { tier: 'gold' as never }],
    ['region', { region: 'Münster' }],
  ])('names the field when %s is wrong', async (field, wrong) => {
    const input = { slug: 'fine', name: 'Fine', tier: 'free', ...wrong } as const;
    const error = await platform.tenants.create(input, platform).catch((caught: unknown) => caught);
    expect(isAppError(error, 'request_invalid') && error.errors?.[0]?.pointer).toBe(`/${field}`);
    expect(await platform.tenants.find('fine')).toBeUndefined();
  });

  it.each(["x' or 1=1 --", 'nul\u0000', '', '../acme', 'ten_zzz', 'x'.repeat(10_000)])(
    'finds nothing under %j',
    async (key) => {
      expect(await platform.tenants.find(key)).toBeUndefined();
    },
  );

  it('changes only what the change names, whatever else comes along', async () => {
    const tenant = await platform.addTenant();
    const smuggled = { tier: 'professional', tenantId: 'ten_evil', slug: 'stolen', createdAt: new Date(0) } as const;
    const after = await platform.tenants.update(tenant.id, smuggled, platform);
    expect(after).toEqual({ ...tenant, tier: 'professional', updatedAt: after.updatedAt });
    await expect(platform.tenants.update(tenant.id, { slug: 'x' } as never, platform)).rejects.toSatisfy(
      codeIs('request_invalid'),
    );
  });

  it('suspends, takes back, deletes for good, and audits each', async () => {
    const { id } = await platform.addTenant();
    for (const status of ['suspended', 'active', 'deleted'] as const) {
      expect(await platform.tenants.update(id, { status }, platform)).toMatchObject({ status });
    }
    await expect(platform.tenants.update(id, { status: 'active' }, platform)).rejects.toSatisfy(
      codeIs('state_conflict'),
    );
    const rows = await test.superuser('select action from genai.audit_events where tenant_id = $1 order by id', [id]);
    expect(rows.map(({ action }) => action)).toEqual([
      'tenant.created',
      'tenant.updated',
      'tenant.updated',
      'tenant.updated',
    ]);
  });

  it('answers resource_not_found for a tenant that is not there, and for a slug in place of an id', async () => {
    const { slug } = await platform.addTenant();
    for (const id of ['ten_00000000000000000000000000000000', slug, 'nul\u0000']) {
      await expect(platform.tenants.update(id, { name: 'New' }, platform)).rejects.toSatisfy(
        codeIs('resource_not_found'),
      );
    }
  });

  it('pages through all tenants once each, oldest first', async () => {
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await platform.tenants.list({ limit: 2, cursor });
      expect(page.data.length).toBeLessThanOrEqual(2);
      seen.push(...page.data.map(({ id }) => id));
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    const rows = await test.superuser('select tenant_id from genai.tenants order by tenant_id');
    expect(seen).toEqual(rows.map(({ tenant_id }) => tenant_id));
    await expect(platform.tenants.list({ limit: 2, cursor: "' or 1" })).rejects.toSatisfy(codeIs('request_invalid'));
  });
});
