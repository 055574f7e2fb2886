import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { classifications, isWithinClearance, type Principal } from '../context.ts';
import {
  can,
  explain,
  isPermission,
  type Permission,
  permissionNames,
  type Reader,
  type Resource,
  requirementsFor,
} from './index.ts';

/** Names that are no permission, among them some that mean something to JavaScript or to CASL. */
const noPermissions = [
  'documents:admin',
  '',
  '*',
  'all',
  'manage',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
];
const anyPermission = fc.constantFrom(...permissionNames);
const anyAction = fc.oneof(
  { weight: 4, arbitrary: anyPermission },
  fc.constantFrom(...noPermissions),
) as fc.Arbitrary<Permission>;
const anyNames = fc.uniqueArray(fc.oneof({ weight: 9, arbitrary: anyPermission }, fc.constantFrom(...noPermissions)));
const anyTenant = fc.constantFrom('ten_1', 'ten_2');
const anyTeams = fc.uniqueArray(fc.constantFrom('tem_1', 'tem_2'));
const anyReader: fc.Arbitrary<Reader> = fc.constantFrom(
  ...(['everyone:', 'role:analyst', 'role:auditor', 'user:usr_1', 'user:usr_2', 'team:tem_1', 'team:tem_2'] as const),
  // The same id as another kind of reader.
  ...(['team:usr_1', 'user:tem_1', 'role:usr_1', 'user:analyst'] as const),
);
const anyPrincipal: fc.Arbitrary<Principal> = fc.record({
  tenantId: anyTenant,
  userId: fc.constantFrom('usr_1', 'usr_2'),
  role: fc.constantFrom('analyst', 'auditor', 'admin'),
  permissions: anyNames.map((names) => new Set(names)),
  teamIds: anyTeams,
  clearance: fc.constantFrom(...classifications),
  credential: fc.constant({ kind: 'api_key', id: 'key_1' } as const),
  scopes: fc.option(anyNames, { nil: undefined }),
});
const anyResource: fc.Arbitrary<Resource> = fc.oneof(
  fc.record({ kind: fc.constant('tenant' as const), tenantId: anyTenant }),
  fc.record({ kind: fc.constant('collection' as const), tenantId: anyTenant, readers: fc.uniqueArray(anyReader) }),
  fc.record({
    kind: fc.constant('document' as const),
    tenantId: anyTenant,
    readers: fc.uniqueArray(anyReader),
    classification: fc.constantFrom(...classifications),
  }),
);

/** The rules once more, in other words. */
function isAllowed(principal: Principal, action: string, resource: Resource): boolean {
  const holds = (name: string) =>
    isPermission(name) && principal.permissions.has(name) && (principal.scopes?.includes(name) ?? true);
  if (!holds(action) || resource.tenantId !== principal.tenantId) return false;
  if (resource.kind === 'tenant') return true;
  if (resource.kind === 'document' && !isWithinClearance(resource.classification, principal.clearance)) return false;
  const reaches = (reader: Reader) =>
    reader === 'everyone:' ||
    reader === `role:${principal.role}` ||
    reader === `user:${principal.userId}` ||
    principal.teamIds.some((id) => reader === `team:${id}`);
  return holds('collections:read_all') || resource.readers.some(reaches);
}

describe('the policy', () => {
  it('allows what role, scopes, tenant, clearance and grants all allow, and nothing else', () => {
    fc.assert(
      fc.property(anyPrincipal, anyAction, anyResource, (principal, action, resource) => {
        expect(can(principal, action, resource).allowed).toBe(isAllowed(principal, action, resource));
      }),
      { numRuns: 5000 },
    );
  });

  it('read as requirements selects exactly the resources that it allows', () => {
    fc.assert(
      fc.property(anyPrincipal, anyAction, anyResource, (principal, action, resource) => {
        const requirements = requirementsFor(principal, action, resource.kind);
        const fields = resource as unknown as Record<string, string | readonly string[]>;
        const isMet = requirements?.every(({ field, oneOf }) =>
          [fields[field] ?? []].flat().some((value) => (oneOf as readonly string[]).includes(value)),
        );
        expect(isMet ?? false).toBe(can(principal, action, resource).allowed);
      }),
      { numRuns: 5000 },
    );
  });

  it('never allows more to a credential with scopes, a lower clearance, fewer teams or fewer permissions', () => {
    fc.assert(
      fc.property(anyPrincipal, anyNames, anyAction, anyResource, (wide, names, action, resource) => {
        const narrower: Partial<Principal>[] = [
          { scopes: wide.scopes?.filter((name) => names.includes(name)) ?? names },
          { clearance: 'public' },
          { teamIds: [] },
          { permissions: new Set([...wide.permissions].filter((name) => names.includes(name))) },
        ];
        for (const less of narrower) {
          if (can({ ...wide, ...less }, action, resource).allowed)
            expect(can(wide, action, resource).allowed).toBe(true);
        }
      }),
    );
  });

  it.each([
    'document',
    'all',
    [],
    {},
    { kind: 'all' },
    { kind: '__proto__' },
    { kind: 'document' },
    { kind: 'document', tenantId: 'ten_1', readers: ['everyone:'], classification: 'secret' },
    { kind: 'document', tenantId: 'ten_1', classification: 'public' },
    { kind: 'collection', tenantId: 'ten_1', readers: 'nobody' },
  ])('denies what is no resource, such as %j', (resource) => {
    const permissions = new Set(permissionNames.filter((name) => name !== 'collections:read_all'));
    const principal: Principal = {
      ...{ tenantId: 'ten_1', userId: 'usr_1', role: 'admin', permissions, teamIds: [], clearance: 'restricted' },
      ...{ credential: { kind: 'session', id: 'ses_1' }, scopes: undefined },
    };
    expect(can(principal, 'documents:read', resource as never).allowed).toBe(false);
  });

  it('is explained by the rules in the order in which they were looked at, the deciding one last', () => {
    fc.assert(
      fc.property(anyPrincipal, anyAction, anyResource, (principal, action, resource) => {
        const { allowed, rule, reason } = can(principal, action, resource);
        const verdicts = explain(principal, action, resource);
        expect(verdicts.at(-1)).toEqual({ rule, verdict: allowed ? 'allows' : 'denies', reason });
        expect(verdicts.slice(0, -1).every(({ verdict }) => verdict === 'passes')).toBe(true);
        for (const { reason: sentence } of verdicts) expect(sentence).toMatch(/^[A-Z].*\.$/);
      }),
    );
  });
});
