/**
 * What an audit row says, as canonical JSON.
 *
 * Personal values are not in the text: each is replaced by a commitment, SHA-256 over a random salt and the value. Values
 * and salts are kept sealed beside it. Erasing those makes the person unknown, and the text stays as it was, so that
 * hashes over it still verify.
 */

import { createHash, randomBytes } from 'node:crypto';
import canonicalize from 'canonicalize';
import type { RequestContext } from '../context.ts';
import type { auditOutcomes } from './tables.ts';

/** Anything JSON can say. */
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** Who acted. */
export interface AuditActor {
  readonly kind: 'user' | 'api_key' | 'operator' | 'system';
  readonly id: string;
  /** The user behind an API key. */
  readonly userId?: string;
}

/** One act. */
export interface AuditEvent {
  /** `noun.past_tense`, for example `document.deleted`. */
  readonly action: string;
  readonly outcome: (typeof auditOutcomes)[number];
  readonly actor: AuditActor;
  readonly resource?: { readonly kind: string; readonly id: string };
  readonly requestId?: string;
  /** Facts that are not personal. */
  readonly details?: Readonly<Record<string, JsonValue>>;
  /** Personal values by name, for example the address of a user. */
  readonly personal?: Readonly<Record<string, string>>;
}

/** The text of an event, and what was kept out of it. */
export interface EncodedEvent {
  readonly body: string;
  /** JSON of `{name: {salt, value}}`, to be sealed; `undefined` when the event holds nothing personal. */
  readonly personal: string | undefined;
}

const schemaVersion = 1;

/** Encodes an event with its identity and time. */
export function encodeEvent(id: string, tenantId: string, occurredAt: Date, event: AuditEvent): EncodedEvent {
  const personal = Object.entries(event.personal ?? {}).map(([name, value]) => {
    const salt = randomBytes(16).toString('base64url');
    return { name, opening: { salt, value }, commitment: commitmentOf(salt, value) };
  });
  const hasPersonal = personal.length > 0;
  // From entries, since an assignment to the name __proto__ would keep nothing.
  const commitments = Object.fromEntries(personal.map(({ name, commitment }) => [name, commitment]));
  const openings = Object.fromEntries(personal.map(({ name, opening }) => [name, opening]));
  const body = canonicalize({
    v: schemaVersion,
    id,
    tenant_id: tenantId,
    occurred_at: occurredAt.toISOString(),
    action: event.action,
    outcome: event.outcome,
    actor:
      event.actor.userId === undefined
        ? event.actor
        : { kind: event.actor.kind, id: event.actor.id, user_id: event.actor.userId },
    ...(event.resource === undefined ? {} : { resource: event.resource }),
    ...(event.requestId === undefined ? {} : { request_id: event.requestId }),
    ...(event.details === undefined ? {} : { details: event.details }),
    ...(hasPersonal ? { commitments } : {}),
  });
  if (body === undefined) throw new Error('An audit event must be JSON.');
  return { body, personal: hasPersonal ? JSON.stringify(openings) : undefined };
}

/** The commitment to a personal value: reveals nothing without the salt, and binds to the value. */
export function commitmentOf(salt: string, value: string): string {
  return createHash('sha256').update(`${salt}\u0000${value}`).digest('base64url');
}

/** The actor behind a request. */
export function actorOf(ctx: RequestContext): AuditActor {
  const { credential, userId } = ctx.principal;
  if (credential.kind === 'api_key') return { kind: 'api_key', id: credential.id, userId };
  return { kind: credential.kind === 'break_glass' ? 'operator' : 'user', id: userId };
}
