import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestDatabase, testDatabases } from '../../../test/support/database.ts';
import { contextOf, identityOn, type TestIdentity } from '../../../test/support/identity.ts';
import { permissionNames } from '../../access/index.ts';
import type { TenantTier } from '../../context.ts';
import { newId } from '../../db/index.ts';
import { isAppError } from '../../errors.ts';
import { breakGlassPermissions } from './access-rows.ts';

const codeIs = (code: Parameters<typeof isAppError>[1]) => (error: unknown) => isAppError(error, code);
const isRefused = codeIs('authentication_required');
const page = { limit: 100, cursor: undefined };
const asked = { reason: 'Ticket 4711: answers cite the wrong page.', clearance: 'internal' } as const;

describe.each(testDatabases)('break-glass access on $name', ({ open }) => {
  let test: TestDatabase;
  let platform: TestIdentity;
  beforeAll(async () => {
    test = await open();
    platform = identityOn(test, { breakGlassMinutesMax: 90, breakGlassConsentTiers: 'enterprise, professional' });
  });
  afterAll(async () => {
    platform.close();
    await test.close();
  });

  let operators = 0;
  async function furnish(tier: TenantTier = 'starter') {
    operators += 1;
    const operator = await platform.identity.createOperatorKey(`operator ${operators}`, platform.actor);
    const tenant = await platform.addTenant(tier);
    const admin = await platform.addUser(tenant, { email: 'ada@example.com', role: 'admin', clearance: 'restricted' });
    const by = { actor: { kind: 'operator', id: operator.id }, requestId: 'req_9' } as const;
    const scope = { tenantId: tenant.id, tier, ...by };
    const openAccess = (more: object = {}) => platform.identity.breakGlass.open(scope, { ...asked, ...more });
    const enter = async (token: string) => contextOf(await platform.identity.authenticate(token));
    return { operator, tenant, admin: admin.ctx, by, openAccess, enter };
  }
  async function auditOf(tenantId: string) {
    const { data } = await platform.audit.list({ tenantId }, page);
    return data
      .map(({ event, personal }) => ({ ...(event as { action: string }), personal }))
      .filter(({ action }) => action.startsWith('break_glass.'))
      .reverse();
  }

  it('only reads: whatever permissions are added, an operator has those that are written down here', () => {
    expect(breakGlassPermissions).toEqual([
      ...['documents:read', 'collections:read', 'collections:read_all', 'users:read'],
      ...['usage:read', 'usage:read_all', 'audit:read'],
    ]);
    for (const name of breakGlassPermissions) {
      expect(permissionNames).toContain(name);
      expect(name).toMatch(/:read(_all)?$/);
    }
  });

  it('gives an operator a principal of their own in that tenant, with the clearance asked for', async () => {
    const { operator, tenant, openAccess, enter } = await furnish();
    const { token, id, ...view } = await openAccess({ clearance: 'confidential' });
    expect(view).toMatchObject({ operatorId: operator.id, reason: asked.reason, endedAt: null });
    expect(view.expiresAt.getTime() - platform.clock.nowMs).toBe(30 * 60_000);
    const { tenantId, principal } = await enter(token);
    expect(tenantId).toBe(tenant.id);
    expect({ ...principal, permissions: [...principal.permissions] }).toEqual({
      tenantId: tenant.id,
      userId: operator.id,
      role: 'break_glass',
      permissions: breakGlassPermissions,
      teamIds: [],
      clearance: 'confidential',
      credential: { kind: 'break_glass', id },
      scopes: undefined,
    });
  });

  it('is in the audit log of the tenant from its opening over every use to its end, and operators are told', async () => {
    const { tenant, operator, admin, openAccess, enter } = await furnish();
    const before = platform.securityEvents.length;
    const { token, id } = await openAccess();
    const ctx = await enter(token);
    await platform.identity.breakGlass.record(ctx, { operation: 'getDocument', isDenied: false, resourceId: 'doc_1' });
    await platform.identity.breakGlass.record(ctx, { operation: 'ask', isDenied: true });
    await platform.identity.breakGlass.end(admin, id);
    const actor = { kind: 'operator', id: operator.id };
    const resource = { kind: 'break_glass', id };
    expect(await auditOf(tenant.id)).toMatchObject([
      { action: 'break_glass.opened', actor, resource, request_id: 'req_9', personal: { reason: asked.reason } },
      {
        action: 'break_glass.used',
        outcome: 'success',
        actor,
        details: { operation: 'getDocument', resource_id: 'doc_1' },
      },
      { action: 'break_glass.used', outcome: 'denied', actor, details: { operation: 'ask' } },
      { action: 'break_glass.ended', actor: { kind: 'user', id: admin.principal.userId }, resource },
    ]);
    expect(platform.securityEvents.slice(before)).toEqual(['break_glass.opened']);
    const rows = await test.superuser('select * from genai.break_glass_accesses');
    for (const secret of [token.slice(-43), 'Ticket 4711']) expect(JSON.stringify(rows)).not.toContain(secret);
  });

  it('ends by itself, and the end is written down once', async () => {
    const { tenant, openAccess, enter, admin } = await furnish();
    const { token, id } = await openAccess({ durationMinutes: 90 });
    platform.clock.nowMs += 90 * 60_000 - 1;
    const ctx = await enter(token);
    await platform.identity.breakGlass.writeOffExpired();
    expect((await platform.identity.stillStanding([ctx])).size).toBe(1);
    platform.clock.nowMs += 1;
    await expect(enter(token)).rejects.toSatisfy(isRefused);
    expect((await platform.identity.stillStanding([ctx])).size).toBe(0);
    await Promise.all([platform.identity.breakGlass.writeOffExpired(), platform.identity.breakGlass.writeOffExpired()]);
    const ends = (await auditOf(tenant.id)).filter(({ action }) => action === 'break_glass.ended');
    expect(ends).toMatchObject([{ actor: { kind: 'system' }, details: { ended_by: 'expiry' } }]);
    const { data } = await platform.identity.breakGlass.list(admin, page);
    expect(data).toMatchObject([{ id, endedBy: 'expiry', endedAt: data[0]?.expiresAt }]);
  });

  it('is ended by admins of the tenant and by operators, at once and for work under way too', async () => {
    const { admin, by, openAccess, enter } = await furnish();
    const stranger = await furnish();
    for (const end of [
      (id: string) => platform.identity.breakGlass.end(admin, id),
      (id: string) => platform.identity.breakGlass.endAsOperator(id, by),
      (id: string) => platform.identity.breakGlass.endAsOperator(id, stranger.by),
    ]) {
      const { token, id } = await openAccess();
      const ctx = await enter(token);
      await expect(platform.identity.breakGlass.end(stranger.admin, id)).rejects.toSatisfy(
        codeIs('resource_not_found'),
      );
      await end(id);
      await expect(enter(token)).rejects.toSatisfy(isRefused);
      expect((await platform.identity.stillStanding([ctx])).size).toBe(0);
      await expect(end(id)).rejects.toSatisfy(codeIs('resource_not_found'));
    }
    for (const id of [newId('breakGlass'), "' or 1=1", '\u0000']) {
      await expect(platform.identity.breakGlass.end(admin, id)).rejects.toSatisfy(codeIs('resource_not_found'));
      await expect(platform.identity.breakGlass.endAsOperator(id, by)).rejects.toSatisfy(codeIs('resource_not_found'));
    }
  });

  it('falls with the key of its operator and with its tenant, but outlasts a suspension, which is when it is needed', async () => {
    const { tenant, operator, openAccess, enter } = await furnish();
    const { token } = await openAccess();
    const ctx = await enter(token);
    await platform.tenants.update(tenant.id, { status: 'suspended' }, { actor: platform.actor });
    await enter(token);
    expect((await platform.identity.stillStanding([ctx])).size).toBe(1);
    await platform.identity.revokeOperatorKey(operator.id, platform.actor);
    await expect(enter(token)).rejects.toSatisfy(isRefused);
    expect((await platform.identity.stillStanding([ctx])).size).toBe(0);

    const other = await furnish();
    const opened = await other.openAccess();
    await platform.tenants.update(other.tenant.id, { status: 'deleted' }, { actor: platform.actor });
    await expect(other.enter(opened.token)).rejects.toSatisfy(isRefused);
  });

  it('is refused to every token that is not exactly the one that was shown', async () => {
    const { openAccess, enter } = await furnish();
    const [one, two] = [await openAccess(), await openAccess()];
    const hexOf = ({ id }: { id: string }) => id.slice(4);
    const attempts = [
      one.token.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A')),
      one.token.replace(hexOf(one), hexOf(two)),
      one.token.replace('bg-gen', 'sk-gen'),
      one.token.replace('bg-gen', 'op-gen'),
      `bg-gen-${'0'.repeat(32)}-${'A'.repeat(43)}`,
      `${one.token} `,
      one.token.slice(0, -1),
    ];
    for (const token of attempts) await expect(enter(token), token).rejects.toSatisfy(isRefused);
    await expect(platform.identity.authenticateOperator(one.token)).rejects.toSatisfy(isRefused);
  });

  it('takes a reason, a clearance that there is, and at most BREAK_GLASS_MINUTES_MAX minutes', async () => {
    const { openAccess, tenant } = await furnish();
    for (const [more, pointer] of [
      [{ reason: '   looking   ' }, '/reason'],
      [{ reason: 'x'.repeat(501) }, '/reason'],
      [{ durationMinutes: 91 }, '/duration_minutes'],
      [{ durationMinutes: 0 }, '/duration_minutes'],
      [{ durationMinutes: 1.5 }, '/duration_minutes'],
      [{ clearance: 'secret' }, '/clearance'],
    ] as const) {
      await expect(openAccess(more)).rejects.toMatchObject({ code: 'request_invalid', errors: [{ pointer }] });
    }
    expect(await auditOf(tenant.id)).toEqual([]);
    for (let opened = 0; opened < 10; opened += 1) await openAccess();
    await expect(openAccess()).rejects.toSatisfy(codeIs('state_conflict'));
  });

  it.each(['enterprise', 'professional'] as const)(
    'needs the consent of a tenant of the tier %s, which BREAK_GLASS_CONSENT_TIERS names, while it lasts',
    async (tier) => {
      const { admin, tenant, openAccess, enter } = await furnish(tier);
      const { breakGlassConsents } = platform.identity;
      await expect(openAccess()).rejects.toSatisfy(codeIs('permission_denied'));
      await breakGlassConsents.set(admin, 2);
      const { token } = await openAccess();
      platform.clock.nowMs += 2 * 3_600_000;
      expect(await breakGlassConsents.read(admin)).toEqual({ validUntil: null, givenBy: null });
      await expect(openAccess()).rejects.toSatisfy(codeIs('permission_denied'));
      await expect(enter(token)).rejects.toSatisfy(isRefused);

      await breakGlassConsents.set(admin, 1);
      const again = await openAccess();
      await breakGlassConsents.set(admin, 0);
      await expect(enter(again.token)).rejects.toSatisfy(isRefused);
      await expect(openAccess()).rejects.toSatisfy(codeIs('permission_denied'));
      const actions = (await auditOf(tenant.id)).map(({ action }) => action);
      expect(actions.filter((action) => action.includes('consent'))).toEqual([
        ...['break_glass.consented', 'break_glass.consented', 'break_glass.consent_withdrawn'],
      ]);
      for (const hours of [-1, 721, 1.5])
        await expect(breakGlassConsents.set(admin, hours)).rejects.toSatisfy(codeIs('request_invalid'));
    },
  );

  it('is seen and ended by who holds break_glass:manage, and by no operator in its place', async () => {
    const { tenant, openAccess, enter } = await furnish();
    const { token, id } = await openAccess();
    const analyst = await platform.addUser(tenant, { email: 'ana@example.com', role: 'analyst' });
    for (const ctx of [analyst.ctx, await enter(token)]) {
      await expect(async () => platform.identity.breakGlass.list(ctx, page)).rejects.toSatisfy(
        codeIs('permission_denied'),
      );
      await expect(async () => platform.identity.breakGlass.end(ctx, id)).rejects.toSatisfy(
        codeIs('permission_denied'),
      );
      await expect(async () => platform.identity.breakGlassConsents.set(ctx, 1)).rejects.toSatisfy(
        codeIs('permission_denied'),
      );
    }
  });
});
