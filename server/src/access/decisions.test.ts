import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { builtInRoles, classifications, type Principal } from '../context.ts';
import { isAppError } from '../errors.ts';
import {
  assertCan,
  assertCanGrant,
  assertClearance,
  builtInRole,
  can,
  customRole,
  exceeds,
  permissionNames,
  permissions,
  roleHolds,
} from './index.ts';

function principal(overrides: Partial<Principal> = {}): Principal {
  const role = roleNamed(overrides.role ?? 'viewer');
  return {
    tenantId: 'ten_1',
    userId: 'usr_1',
    role: role.name,
    permissions: role.permissions,
    teamIds: [],
    clearance: 'internal',
    credential: { kind: 'session', id: 'ses_1' },
    scopes: undefined,
    ...overrides,
  };
}
/** A built-in role, or one that nobody made. */
const roleNamed = (name: string) => builtInRole(name) ?? customRole(name, []);
const anyRole = fc.constantFrom(...builtInRoles);
const anyPermission = fc.constantFrom(...permissionNames);
const anyScopes = fc.option(fc.uniqueArray(anyPermission), { nil: undefined });

describe('can', () => {
  it('gives each role exactly what is written down here, so that a change of the table is seen in review', () => {
    const held = (role: (typeof builtInRoles)[number]) => permissionNames.filter((name) => roleHolds(role, name));
    const viewer = [
      'query:ask',
      'models:read',
      'documents:read',
      'collections:read',
      'keys:read',
      'usage:read',
      'sessions:write',
      'account:write',
    ];
    const analyst = [
      ...viewer,
      'chat:create',
      'documents:write',
      'documents:relabel',
      'documents:delete',
      'collections:write',
      'keys:write',
    ];
    expect(held('viewer').toSorted()).toEqual(viewer.toSorted());
    expect(held('analyst').toSorted()).toEqual(analyst.toSorted());
    expect(held('admin')).toEqual(permissionNames);
  });

  it('never lets scopes widen what the role holds', () => {
    fc.assert(
      fc.property(anyRole, anyScopes, anyPermission, (role, scopes, permission) => {
        const { allowed } = can(principal({ role, scopes }), permission);
        expect(allowed).toBe(roleHolds(role, permission) && (scopes === undefined || scopes.includes(permission)));
      }),
    );
  });

  it.each(['documents:admin', '', '*', '__proto__', 'constructor', 'toString'])(
    'denies the unknown permission "%s" to everyone',
    (name) => {
      const everything = principal({ role: 'admin', scopes: [name] });
      expect(can(everything, name as never).allowed).toBe(false);
    },
  );

  it('denies a role that the table does not know', () => {
    for (const name of permissionNames) expect(can(principal({ role: 'root' }), name).allowed).toBe(false);
  });

  it('names the permission in the refusal', () => {
    const refuse = () => assertCan({ principal: principal() }, 'users:write');
    expect(refuse).toThrow(expect.toSatisfy((error) => isAppError(error, 'permission_denied')));
    expect(refuse).toThrow('users:write');
  });

  it('describes every permission in one sentence', () => {
    for (const { description } of Object.values(permissions)) expect(description).toMatch(/^[A-Z].*\.$/);
  });
});

describe('assertClearance', () => {
  it('allows what is at or below the clearance and nothing above it', () => {
    for (const [level, clearance] of classifications.entries()) {
      for (const [wanted, classification] of classifications.entries()) {
        const check = () => assertClearance({ principal: principal({ clearance }) }, classification);
        if (wanted <= level) expect(check).not.toThrow();
        else expect(check).toThrow(expect.toSatisfy((error) => isAppError(error, 'classification_denied')));
      }
    }
  });
});

describe('exceeds', () => {
  it('is true exactly when a permission or a level of clearance is gone', () => {
    const holder = fc.record({ role: anyRole, scopes: anyScopes, clearance: fc.constantFrom(...classifications) });
    fc.assert(
      fc.property(holder, holder, (one, other) => {
        const [before, after] = [principal(one), principal(other)];
        const isGone = permissionNames.some((name) => can(before, name).allowed && !can(after, name).allowed);
        const isLower = classifications.indexOf(after.clearance) < classifications.indexOf(before.clearance);
        expect(exceeds(before, after)).toBe(isGone || isLower);
        expect(exceeds(before, before)).toBe(false);
      }),
    );
  });
});

describe('assertCanGrant', () => {
  it('lets nobody give a permission or clearance that they do not hold, or the grants of another role', () => {
    const grant = fc.record({ role: anyRole, clearance: fc.constantFrom(...classifications) });
    fc.assert(
      fc.property(anyRole, anyScopes, fc.constantFrom(...classifications), grant, (role, scopes, clearance, given) => {
        const giver = principal({ role, scopes, clearance });
        const holdsAll = permissionNames.every((name) => !roleHolds(given.role, name) || can(giver, name).allowed);
        const isReached = given.role === role || can(giver, 'collections:read_all').allowed;
        const isCleared = classifications.indexOf(given.clearance) <= classifications.indexOf(clearance);
        const check = () => assertCanGrant({ principal: giver }, { ...given, role: roleNamed(given.role) });
        if (holdsAll && isReached && isCleared) expect(check).not.toThrow();
        else expect(check).toThrow();
      }),
    );
  });

  it('lets nobody give what is granted to a team or person, unless it reaches them or they need no grant', () => {
    const analyst = { principal: principal({ role: 'analyst', teamIds: ['tem_1'] }) };
    const denied = expect.toSatisfy((error) => isAppError(error, 'permission_denied'));
    for (const reader of ['team:tem_1', 'user:usr_1', 'role:analyst', 'everyone:'] as const) {
      expect(() => assertCanGrant(analyst, { readers: [reader] })).not.toThrow();
    }
    for (const reader of ['team:tem_2', 'user:usr_2', 'role:viewer', 'user:tem_1'] as const) {
      expect(() => assertCanGrant(analyst, { readers: ['team:tem_1', reader] })).toThrow(denied);
      expect(() => assertCanGrant({ principal: principal({ role: 'admin' }) }, { readers: [reader] })).not.toThrow();
    }
  });

  it('refuses a key scoped for users:write that would make an admin', () => {
    const key = principal({ role: 'admin', scopes: ['users:write', 'users:read'] });
    expect(() => assertCanGrant({ principal: key }, { role: roleNamed('admin') })).toThrow(
      expect.toSatisfy((error) => isAppError(error, 'permission_denied')),
    );
  });
});
