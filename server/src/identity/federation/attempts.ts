/**
 * Sign-ins that have begun and wait for the provider.
 *
 * An attempt is kept by the browser that began it, in a cookie that only we can read or make: whoever comes back without
 * it began elsewhere. So a flood of beginnings writes nothing, and an attempt of one tenant does not open in another,
 * since it is sealed under its tenant's key.
 */

import { z } from 'zod';
import { isId, newId } from '../../db/index.ts';
import type { TenantVault } from '../../vault/index.ts';

/** What must be the same when the browser comes back. */
export interface Attempt {
  readonly id: string;
  /** Whom the browser was sent to, and as whom. */
  readonly issuer: string;
  readonly clientId: string;
  readonly state: string;
  readonly nonce: string;
  /** The verifier of PKCE; its hash went with the browser. */
  readonly verifier: string;
  readonly expiresMs: number;
}

/** How long somebody may take at the provider. */
const attemptTtlMs = 10 * 60_000;
/** Longer cookies are refused unread. */
const cookieLengthMax = 2048;
const cell = { table: 'sign_ins', rowId: 'attempt', column: 'cookie' };

const attemptSchema = z.strictObject({
  id: z.string().refine((id) => isId('signIn', id)),
  issuer: z.string(),
  clientId: z.string(),
  state: z.string(),
  nonce: z.string(),
  verifier: z.string(),
  expiresMs: z.number(),
});

/** A new attempt. */
export function newAttempt(
  provider: Pick<Attempt, 'issuer' | 'clientId'>,
  secrets: Pick<Attempt, 'state' | 'nonce' | 'verifier'>,
  nowMs: number,
): Attempt {
  const { issuer, clientId } = provider;
  return { id: newId('signIn'), issuer, clientId, ...secrets, expiresMs: nowMs + attemptTtlMs };
}

/** The attempt as its browser keeps it. */
export function sealedAttempt(attempt: Attempt, vault: TenantVault): string {
  return Buffer.from(vault.seal(cell, JSON.stringify(attempt), 'secret')).toString('base64url');
}

/** The attempt of a cookie; `undefined` unless it is ours, of this tenant, and within its time. */
export function openedAttempt(cookie: string, vault: TenantVault, nowMs: number): Attempt | undefined {
  if (cookie.length > cookieLengthMax) return undefined;
  let text: string;
  try {
    text = vault.open(cell, Buffer.from(cookie, 'base64url'));
  } catch {
    // The vault says no more than that it does not open.
    return undefined;
  }
  const attempt = attemptSchema.parse(JSON.parse(text));
  return attempt.expiresMs > nowMs ? attempt : undefined;
}
