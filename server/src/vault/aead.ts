/**
 * AES-256-GCM with the nonce in front and the tag behind the ciphertext, and HMAC-SHA-256 with the code in front.
 *
 * Nonces are random; NIST SP 800-38D §8.3 bounds that to 2^32 messages per key.
 */

import { createCipheriv, createDecipheriv, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

const nonceBytes = 12;
const tagBytes = 16;
const codeBytes = 32;

/** Encrypts and authenticates; `associated` is authenticated only. */
export function encrypt(key: Uint8Array, plaintext: Uint8Array, associated: Uint8Array): Buffer {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes }).setAAD(associated);
  return Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

/** Reverses `encrypt`; throws when anything was altered. */
export function decrypt(key: Uint8Array, message: Uint8Array, associated: Uint8Array): Buffer {
  if (message.length < nonceBytes + tagBytes) throw new Error('The message is too short to be sealed.');
  const nonce = message.subarray(0, nonceBytes);
  const ciphertext = message.subarray(nonceBytes, message.length - tagBytes);
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes })
    .setAAD(associated)
    .setAuthTag(message.subarray(message.length - tagBytes));
  return Buffer.concat([decipher.update(ciphertext), decipher.final()]);
}

/** Authenticates without hiding: whoever has no key can read the result, and cannot make one. */
export function authenticate(key: Uint8Array, plaintext: Uint8Array, associated: Uint8Array): Buffer {
  return Buffer.concat([codeOf(key, plaintext, associated), plaintext]);
}

/** Reverses `authenticate`; throws when anything was altered. */
export function verify(key: Uint8Array, message: Uint8Array, associated: Uint8Array): Uint8Array {
  if (message.length < codeBytes) throw new Error('The message is too short to be authenticated.');
  const plaintext = message.subarray(codeBytes);
  if (!timingSafeEqual(message.subarray(0, codeBytes), codeOf(key, plaintext, associated))) {
    throw new Error('The message was altered.');
  }
  return plaintext;
}

function codeOf(key: Uint8Array, plaintext: Uint8Array, associated: Uint8Array): Buffer {
  return createHmac('sha256', key)
    .update(lengthPrefixed([associated]))
    .update(plaintext)
    .digest();
}

/** Joins parts so that no two lists of parts give the same bytes: each is preceded by its length. */
export function lengthPrefixed(parts: readonly (string | Uint8Array)[]): Buffer {
  return Buffer.concat(
    parts.flatMap((part) => {
      const bytes = Buffer.from(part);
      const length = Buffer.alloc(4);
      length.writeUInt32BE(bytes.length);
      return [length, bytes];
    }),
  );
}
