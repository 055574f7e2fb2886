import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BoundSecret, boundSecretFrom, secretAfter, secretFor } from './index.ts';

const origins = ['https://a.example', 'https://a.example:8443', 'http://a.example', 'https://a.example.evil.example'];
const anOrigin = fc.constantFrom(...origins);
const aPath = fc.constantFrom('', '/', '/token', '/token?tenant=1', '#part');
const aSecret = fc.option(fc.option(fc.string(), { nil: null }), { nil: undefined });

describe('a secret of a connection', () => {
  it('comes out for the origin it was given for, and after any changes only if that stayed', () => {
    const changes = fc.array(fc.record({ origin: anOrigin, path: aPath, secret: aSecret }), { maxLength: 12 });
    fc.assert(
      fc.property(changes, anOrigin, aPath, (steps, askedOrigin, askedPath) => {
        let stored: BoundSecret | undefined;
        let model: { readonly origin: string; readonly secret: string } | undefined;
        for (const { origin, path, secret } of steps) {
          stored = secretAfter(stored, { url: origin + path, secret });
          if (typeof secret === 'string') model = { origin, secret };
          else if (secret === null || model?.origin !== origin) model = undefined;
        }
        const expected = model?.origin === askedOrigin ? model.secret : undefined;
        expect(stored && secretFor(stored, askedOrigin + askedPath)).toBe(expected);
        expect(stored === undefined).toBe(model === undefined);
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ['another host', 'https://b.example/token'],
    ['a host below', 'https://sub.a.example/token'],
    ['a host above', 'https://example/token'],
    ['the host with a dot', 'https://a.example./token'],
    ['another port', 'https://a.example:444/token'],
    ['no encryption', 'http://a.example/token'],
    ['the host as user name', 'https://a.example@b.example/token'],
  ])('is void for %s', (_, url) => {
    const stored = secretAfter(undefined, { url: 'https://a.example/token', secret: 'secret' });
    expect(stored && secretFor(stored, url)).toBeUndefined();
    expect(secretAfter(stored, { url })).toBeUndefined();
    expect(secretAfter(secretAfter(stored, { url }), { url: 'https://a.example/token' })).toBeUndefined();
  });

  it('stays while only the writing or the path of the address changes', () => {
    const stored = secretAfter(undefined, { url: 'https://a.example/token', secret: 'secret' });
    for (const url of ['https://A.EXAMPLE:443/other', 'https://a.example', 'https://%61.example/?a=b']) {
      const after = secretAfter(stored, { url });
      expect(after && secretFor(after, url)).toBe('secret');
    }
  });

  it('survives being sealed and opened, and is told from other texts', () => {
    const stored = secretAfter(undefined, { url: 'https://a.example', secret: 'secret' });
    expect(secretFor(boundSecretFrom(`${stored}`), 'https://a.example')).toBe('secret');
    for (const text of ['', 'secret', '{}', 'null', '{"origin":"https://a.example"}']) {
      expect(() => boundSecretFrom(text)).toThrow();
    }
  });

  it('is never bound to addresses that have no origin', () => {
    const stored = secretAfter(undefined, { url: 'data:text/plain,a', secret: 'secret' });
    expect(stored && secretFor(stored, 'data:text/plain,a')).toBeUndefined();
  });
});
