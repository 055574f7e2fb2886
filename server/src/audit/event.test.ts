import { randomUUID } from 'node:crypto';
import canonicalize from 'canonicalize';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AuditEvent, commitmentOf, encodeEvent, type JsonValue } from './event.ts';

const at = new Date('2026-03-01T12:00:00.000Z');
const event: AuditEvent = {
  action: 'user.created',
  outcome: 'success',
  actor: { kind: 'api_key', id: 'key_1', userId: 'usr_1' },
  resource: { kind: 'user', id: 'usr_2' },
  requestId: 'req_1',
  details: { role: 'analyst', list: [1, 2.5, null, true], nested: { b: 1, a: 'é' } },
};
const encode = (given: AuditEvent) => encodeEvent('aud_1', 'ten_1', at, given);
const openingsOf = (personal: string | undefined) =>
  JSON.parse(personal ?? '{}') as Record<string, { salt: string; value: string }>;

describe('the text of an audit event', () => {
  it('is canonical JSON: sorted, without blanks, the same for the same event', () => {
    expect(encode(event).body).toBe(
      '{"action":"user.created","actor":{"id":"key_1","kind":"api_key","user_id":"usr_1"},' +
        '"details":{"list":[1,2.5,null,true],"nested":{"a":"é","b":1},"role":"analyst"},"id":"aud_1",' +
        '"occurred_at":"2026-03-01T12:00:00.000Z","outcome":"success","request_id":"req_1",' +
        '"resource":{"id":"usr_2","kind":"user"},"tenant_id":"ten_1","v":1}',
    );
  });

  it('does not depend on the order in which the event names its parts, and survives being read back', () => {
    const details = fc.dictionary(fc.string(), fc.jsonValue() as fc.Arbitrary<JsonValue>);
    fc.assert(
      fc.property(details, (given) => {
        const shuffled = Object.fromEntries(Object.entries(given).reverse());
        const { body } = encode({ ...event, details: given });
        const turned = Object.fromEntries(
          Object.entries({ ...event, details: shuffled }).reverse(),
        ) as unknown as AuditEvent;
        expect(encode(turned).body).toBe(body);
        expect(canonicalize(JSON.parse(body))).toBe(body);
      }),
    );
  });

  it('refuses what JSON cannot say', () => {
    for (const odd of [Number.NaN, Number.POSITIVE_INFINITY, 1n]) {
      expect(() => encode({ ...event, details: { odd: odd as number } })).toThrow();
    }
  });
});

describe('personal values', () => {
  it('are not in the text, and are committed to by it, whatever they are called', () => {
    const given = fc.dictionary(fc.string({ minLength: 1 }), fc.uuid(), { minKeys: 1, maxKeys: 4 });
    const odd = ['__proto__', 'constructor', 'toString'].map((name) => [Object.fromEntries([[name, randomUUID()]])]);
    fc.assert(
      fc.property(given, (personal) => {
        const { body, personal: kept } = encode({ ...event, personal });
        const { commitments } = JSON.parse(body) as { commitments: Record<string, string> };
        const openings = openingsOf(kept);
        expect(Object.keys(commitments).sort()).toEqual(Object.keys(personal).sort());
        for (const [name, value] of Object.entries(personal)) {
          const opening = openings[name];
          expect(body).not.toContain(value);
          expect(opening?.value).toBe(value);
          expect(commitmentOf(opening?.salt ?? '', value)).toBe(commitments[name]);
          expect(commitmentOf(opening?.salt ?? '', `${value}.`)).not.toBe(commitments[name]);
        }
      }),
      { examples: odd as [Record<string, string>][] },
    );
  });

  it('are committed to anew each time, so that equal values cannot be matched', () => {
    const personal = { email: 'ada@example.test' };
    const bodies = Array.from({ length: 100 }, () => encode({ ...event, personal }).body);
    expect(new Set(bodies).size).toBe(100);
  });

  it('leave nothing to seal when there are none', () => {
    expect(encode(event).personal).toBeUndefined();
    expect(encode({ ...event, personal: {} }).personal).toBeUndefined();
  });
});
