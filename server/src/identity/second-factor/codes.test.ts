import fc from 'fast-check';
import { Secret, TOTP, URI } from 'otpauth';
import { describe, expect, it } from 'vitest';
import { acceptedStep, isDeviceCode, newRecoveryCodes, newSecret, secretUri, typedCode } from './codes.ts';

/** The secret of RFC 6238, appendix B. */
const rfcSecret = Secret.fromUTF8('12345678901234567890').base32;
const codeAt = (secret: string, timestamp: number) =>
  new TOTP({ secret: Secret.fromBase32(secret) }).generate({ timestamp });

describe('codes of a device', () => {
  it.each([
    [59, '287082'],
    [1_111_111_109, '081804'],
    [1_111_111_111, '050471'],
    [1_234_567_890, '005924'],
    [2_000_000_000, '279037'],
    [20_000_000_000, '353130'],
  ])('are those of RFC 6238 at second %i', (seconds, code) => {
    expect(acceptedStep(rfcSecret, code, seconds * 1000, 0)).toBe(Math.floor(seconds / 30));
  });

  it('are good in their own step and the steps beside it, and each of them once', () => {
    fc.assert(
      fc.property(fc.integer({ min: 10, max: 2 ** 31 }), fc.integer({ min: -4, max: 4 }), (step, offset) => {
        const secret = newSecret();
        const code = codeAt(secret, (step + offset) * 30_000);
        const nowMs = step * 30_000 + 12_345;
        const accepted = acceptedStep(secret, code, nowMs, 0);
        // Another step may happen to have the same digits; that is one chance in 300 000.
        expect(accepted).toBe(Math.abs(offset) <= 1 ? step + offset : undefined);
        expect(acceptedStep(secret, code, nowMs, step + offset)).toBeUndefined();
        if (Math.abs(offset) <= 1) expect(acceptedStep(secret, code, nowMs, step + offset - 1)).toBe(step + offset);
      }),
    );
  });

  it.each(['', '12345', '1234567', '12345a', '１２３４５６', '-12345', '1e5   ', '000000\n', '\u0000'])(
    'are six digits and nothing else: %j is none',
    (text) => {
      expect(isDeviceCode(text)).toBe(false);
      expect(acceptedStep(rfcSecret, text, 59_000, 0)).toBeUndefined();
    },
  );
});

describe('a secret', () => {
  it('is 160 random bits, and its address holds all that a device needs', () => {
    const secrets = Array.from({ length: 50 }, newSecret);
    expect(new Set(secrets).size).toBe(50);
    for (const secret of secrets) expect(Secret.fromBase32(secret).bytes).toHaveLength(20);
    const [secret = ''] = secrets;
    const parsed = URI.parse(secretUri(secret, 'genai-platform acme', 'ada&secret=x@example.com'));
    expect(parsed).toMatchObject({ issuer: 'genai-platform acme', label: 'ada&secret=x@example.com' });
    expect(parsed.secret.base32).toBe(secret);
  });
});

describe('recovery codes', () => {
  it('are ten different words of 80 bits, read in whatever way they are typed', () => {
    const codes = newRecoveryCodes();
    expect(new Set(codes).size).toBe(10);
    for (const code of codes) {
      expect(code).toMatch(/^[a-z2-7]{4}(-[a-z2-7]{4}){3}$/);
      expect(typedCode(` ${code.toUpperCase().replaceAll('-', ' ')}\t`)).toBe(code.replaceAll('-', ''));
      expect(isDeviceCode(typedCode(code))).toBe(false);
    }
  });
});
