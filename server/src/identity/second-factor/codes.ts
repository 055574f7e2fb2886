/**
 * The codes of a second factor: those that a device shows for 30 seconds (TOTP, RFC 6238), and those on paper for who lost
 * the device. Pure but for randomness; whether a code was used before is decided where the rows are.
 *
 * SHA-1, six digits and 30 seconds are what every authenticator app understands; many ignore anything else in the address.
 */

import { randomBytes } from 'node:crypto';
import { Secret, TOTP } from 'otpauth';

/** RFC 4226 demands 16 bytes and recommends 20. */
const secretBytes = 20;
const stepSeconds = 30;
/** How many steps the clock of a device may be off, in both directions. */
const stepsOff = 1;

const recoveryCodes = 10;
/** 80 bits: nobody guesses one, so its hash needs no slowing down. */
const recoveryCodeBytes = 10;

/** A new secret in base32, as people type it into a device that cannot read a QR code. */
export function newSecret(): string {
  return new Secret({ buffer: new Uint8Array(randomBytes(secretBytes)).buffer }).base32;
}

/** The address that authenticator apps read, usually from a QR code; it holds the secret. */
export function secretUri(secret: string, issuer: string, label: string): string {
  return totpOf(secret, { issuer, label }).toString();
}

/**
 * The step of a code, when it is one of this time and of no step up to `lastStep`.
 * @param lastStep of the code that was accepted last; 0 when none was.
 */
export function acceptedStep(secret: string, code: string, nowMs: number, lastStep: number): number | undefined {
  if (!isDeviceCode(code)) return undefined;
  const offset = totpOf(secret, {}).validate({ token: code, timestamp: nowMs, window: stepsOff });
  if (offset === null) return undefined;
  const step = Math.floor(nowMs / 1000 / stepSeconds) + offset;
  return step > lastStep ? step : undefined;
}

/** Whether a code is of the form that devices show, and not one on paper. */
export function isDeviceCode(code: string): boolean {
  return /^\d{6}$/.test(code);
}

/** A code as typed, without the spaces and dashes that make it readable. */
export function typedCode(text: string): string {
  return text.replace(/[\s-]/g, '').toLowerCase();
}

/** New codes for paper, in groups of four. */
export function newRecoveryCodes(): readonly string[] {
  return Array.from({ length: recoveryCodes }, () => {
    const { base32 } = new Secret({ buffer: new Uint8Array(randomBytes(recoveryCodeBytes)).buffer });
    return base32.toLowerCase().match(/.{4}/g)?.join('-') ?? '';
  });
}

function totpOf(secret: string, names: { readonly issuer?: string; readonly label?: string }): TOTP {
  return new TOTP({ ...names, algorithm: 'SHA1', digits: 6, period: stepSeconds, secret: Secret.fromBase32(secret) });
}
