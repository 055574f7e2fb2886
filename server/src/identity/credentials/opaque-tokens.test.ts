import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { newId } from '../../db/index.ts';
import { createOpaqueTokens, isSameSecret } from './opaque-tokens.ts';

const tokens = createOpaqueTokens('p'.repeat(48));
const otherServer = createOpaqueTokens('q'.repeat(48));

describe('keys', () => {
  it('names the row and gives the stored hash back for the key itself and nothing else', () => {
    const id = newId('apiKey');
    const { key, hash, hint } = tokens.mintKey('apiKey', id);
    expect(key).toMatch(/^sk-gen-[0-9a-f]{32}-[\w-]{43}$/);
    expect(tokens.parseKey('apiKey', key)).toEqual({ id, hash });
    expect(hint).toBe(`sk-gen-…${key.slice(-4)}`);
    const other = tokens.mintKey('apiKey', id);
    expect(isSameSecret(other.hash, hash)).toBe(false);
    expect(tokens.parseKey('apiKey', other.key)?.hash).not.toEqual(hash);
  });

  it('hashes under the pepper of the server, and apart for each kind of key', () => {
    const { key, hash } = tokens.mintKey('apiKey', newId('apiKey'));
    expect(otherServer.parseKey('apiKey', key)?.hash).not.toEqual(hash);
    expect(tokens.parseKey('operatorKey', key)).toBeUndefined();
    const operatorKey = tokens.mintKey('operatorKey', newId('operatorKey')).key;
    expect(tokens.parseKey('apiKey', operatorKey)).toBeUndefined();
    expect(tokens.parseKey('operatorKey', operatorKey.replace('op-gen', 'sk-gen'))).toBeUndefined();
  });

  it.each([
    ['a newline behind', (key: string) => `${key}\n`],
    ['a space before', (key: string) => ` ${key}`],
    ['a character less', (key: string) => key.slice(0, -1)],
    ['a character more', (key: string) => `${key}A`],
    ['capitals in the id', (key: string) => key.toUpperCase()],
    ['NUL inside', (key: string) => key.replace('-gen-', '-gen-\u0000')],
  ])('does not recognise a key with %s', (_name, change) => {
    const { key } = tokens.mintKey('apiKey', 'key_0123456789abcdef0123456789abcdef');
    expect(tokens.parseKey('apiKey', change(key))).toBeUndefined();
  });
});

describe('refresh tokens', () => {
  it('recognises every token it ever made for a session, and no other', () => {
    const [tenantId, sessionId] = [newId('tenant'), newId('session')];
    const first = tokens.mintRefreshToken(tenantId, sessionId);
    const second = tokens.mintRefreshToken(tenantId, sessionId);
    expect(tokens.parseRefreshToken(first.token)).toEqual({ tenantId, sessionId, hash: first.hash });
    expect(tokens.parseRefreshToken(second.token)).toEqual({ tenantId, sessionId, hash: second.hash });
    expect(second.hash).not.toEqual(first.hash);
    expect(otherServer.parseRefreshToken(first.token)).toBeUndefined();
  });

  it('refuses a token in which any character was changed, so that knowing the ids of a session is not enough', () => {
    const { token } = tokens.mintRefreshToken(newId('tenant'), newId('session'));
    for (let at = 0; at < token.length; at += 1) {
      const changed = token.slice(0, at) + (token[at] === 'a' ? 'b' : 'a') + token.slice(at + 1);
      expect(tokens.parseRefreshToken(changed)).toBeUndefined();
    }
  });

  it('never throws, whatever the text', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string().map((rest) => `rt-gen-${rest}`),
    );
    fc.assert(
      fc.property(text, (token) => {
        expect(tokens.parseRefreshToken(token)).toBeUndefined();
      }),
    );
  });
});

describe('isSameSecret', () => {
  it('is true for equal bytes only, whatever their lengths', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array(), (a, b) => {
        expect(isSameSecret(a, b)).toBe(Buffer.compare(a, b) === 0);
        expect(isSameSecret(a, a.slice())).toBe(true);
      }),
    );
  });
});
