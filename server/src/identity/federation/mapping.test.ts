import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Mapping, personFromClaims, rightsFromClaims } from './mapping.ts';

const closed = { defaultRole: null, defaultClearance: null };
const gives = (claim: string, value: string): Mapping => ({
  ...closed,
  rules: [{ claim, value, role: 'admin', clearance: 'restricted' }],
});

describe('the rules of a provider', () => {
  it('take role and clearance each from the first rule that fits and names one', () => {
    const rules = [
      { claim: 'groups', value: 'a', clearance: 'public' },
      { claim: 'groups', value: 'b', role: 'analyst', clearance: 'restricted' },
      { claim: 'groups', value: 'a', role: 'admin' },
    ] as const;
    const rightsOf = (...groups: string[]) => rightsFromClaims({ groups }, { ...closed, rules });
    expect(rightsOf('a', 'b')).toEqual({ role: 'analyst', clearance: 'public' });
    expect(rightsOf('b')).toEqual({ role: 'analyst', clearance: 'restricted' });
    expect(rightsOf('a')).toEqual({ role: 'admin', clearance: 'public' });
    expect(rightsOf('c')).toBeUndefined();
  });

  it('give no access unless there are a role and a clearance, by rule or for everybody', () => {
    const half = { rules: [{ claim: 'x', value: 'y', role: 'viewer' }], defaultRole: null };
    expect(rightsFromClaims({ x: 'y' }, { ...half, defaultClearance: null })).toBeUndefined();
    expect(rightsFromClaims({ x: 'z' }, { ...half, defaultClearance: 'public' })).toBeUndefined();
    expect(rightsFromClaims({ x: 'y' }, { ...half, defaultClearance: 'public' })).toEqual({
      role: 'viewer',
      clearance: 'public',
    });
  });

  it('find a claim by its whole name first, then within others', () => {
    expect(rightsFromClaims({ realm_access: { roles: ['boss'] } }, gives('realm_access.roles', 'boss'))).toBeDefined();
    const name = 'https://example.com/roles';
    expect(rightsFromClaims({ [name]: ['boss'] }, gives(name, 'boss'))).toBeDefined();
    const both = { 'a.b': 'other', a: { b: 'boss' } };
    expect(rightsFromClaims(both, gives('a.b', 'boss'))).toBeUndefined();
  });

  it.each<[string, unknown]>([
    ['a value that only contains it', 'boss of nothing'],
    ['a value in other letters', 'BOSS'],
    ['a list within a list', [['boss']]],
    ['an object with it as a name', { boss: true }],
    ['true', true],
    ['nothing', null],
  ])('do not fit %s', (_name, groups) => {
    expect(rightsFromClaims({ groups }, gives('groups', 'boss'))).toBeUndefined();
  });

  it.each([
    '__proto__',
    'constructor',
    'constructor.name',
    '__proto__.polluted',
    'toString',
    'groups.length',
    'groups.0',
    '',
  ])('find nothing that the claims do not say themselves under %j', (claim) => {
    for (const value of ['Object', 'boss', '1']) expect(rightsFromClaims({}, gives(claim, value))).toBeUndefined();
  });

  it('never throw and never give what no rule names, whatever the claims', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.anything()), fc.string(), fc.string(), (claims, claim, value) => {
        const rights = rightsFromClaims(claims, gives(claim, value));
        expect([undefined, 'admin']).toContain(rights?.role);
      }),
    );
  });
});

describe('the person of claims', () => {
  it('has the address in the form in which users have it, and knows what the provider is sure of', () => {
    expect(personFromClaims({ email: ' Ada@Example.COM ', email_verified: true, name: 'Ada' })).toEqual({
      email: 'ada@example.com',
      isEmailVerified: true,
      name: 'Ada',
    });
    for (const verified of ['true', 1, {}, null, undefined]) {
      expect(personFromClaims({ email: 'a@b.c', email_verified: verified }).isEmailVerified).toBeUndefined();
    }
  });

  it('has a name that users may have, whatever the claims', () => {
    expect(personFromClaims({ name: ' \u0000 ', preferred_username: 'ada' }).name).toBe('ada');
    expect(personFromClaims({ email: 'a@b.c' }).name).toBe('a@b.c');
    fc.assert(
      fc.property(fc.anything(), fc.anything(), fc.anything(), (name, username, email) => {
        const person = personFromClaims({ name, preferred_username: username, email });
        expect(person.name).toMatch(/^\P{Cc}{1,200}$/u);
        expect(person.name.isWellFormed()).toBe(true);
        expect(person.name).toBe(person.name.trim());
      }),
    );
  });
});
