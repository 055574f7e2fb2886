/**
 * Secrets for the places that take them: those of a throwaway person, so that passwords, sessions and second factors can be
 * used up without harm to anybody else.
 *
 * Which secret belongs where, the description says: `user.password`, `session.refresh_token`, `second_factor.code`.
 */

import { createHmac } from 'node:crypto';
import { bearer, type Call, type Headers, newPassword, type Person, type Side } from './sides.ts';

/** A person for one request. */
export interface Throwaway {
  readonly person: Person;
  readonly headers: Headers;
  /** The secret for a place; `undefined` when there is none of that kind. `nth` counts the places of the same kind. */
  readonly secret: (reference: string, nth: number) => Promise<string | undefined>;
}

/** Makes a person of the side with a session of their own. `factor` is how far their second factor is set up. */
export async function makeThrowaway(side: Side, call: Call, factor: Factor): Promise<Throwaway> {
  const person = await side.newPerson('analyst');
  const tokens = await side.login(person);
  const headers = bearer(tokens.access_token);
  const code = factor === 'none' ? undefined : await secondFactor(person, headers, call, factor);
  const secrets: Readonly<Record<string, readonly string[]>> = {
    'user.password': [person.password, newPassword()],
    'user.id': [person.id],
    'user.email': [person.email],
    'session.refresh_token': [tokens.refresh_token],
    ...(code === undefined ? {} : { 'second_factor.code': [code] }),
  };
  return { person, headers, secret: async (reference, nth) => secrets[reference]?.[nth] ?? secrets[reference]?.[0] };
}

/** How far a second factor is set up. */
export type Factor = 'none' | 'enrolled' | 'active';

async function secondFactor(
  { password }: Person,
  headers: Headers,
  call: Call,
  factor: Factor,
): Promise<string | undefined> {
  const enrolment = await call<{ secret: string }>('enrolSecondFactor', { body: { password } }, headers);
  const code = totp(enrolment.secret, Date.now());
  if (factor === 'enrolled') return code;
  const confirmed = await call<{ recovery_codes: readonly string[] }>(
    'confirmSecondFactor',
    { body: { code } },
    headers,
  );
  return confirmed.recovery_codes[0];
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** The code of a shared secret at a time, RFC 6238: SHA-1, 30 seconds, six digits. */
function totp(secret: string, nowMs: number): string {
  const bits = [...secret.replaceAll('=', '')]
    .map((char) => alphabet.indexOf(char).toString(2).padStart(5, '0'))
    .join('');
  const key = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(nowMs / 30_000)));
  const digest = createHmac('sha1', key).update(counter).digest();
  const offset = (digest.at(-1) ?? 0) & 15;
  return String((digest.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}
