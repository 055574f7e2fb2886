/**
 * The credentials that are random words of ours: API keys, operator keys, break-glass
 * tokens and refresh tokens.
 *
 * Each is a prefix that says what it is, the id of its row, and 256 random bits. Stored is only an HMAC-SHA-256 under the
 * server's pepper, bound to the kind, so that neither a copy of the database nor a token of another kind lets anyone in.
 */

import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { idPrefixes } from '../../db/index.ts';

/** Kinds of keys that name one row by themselves. */
export type KeyKind = 'apiKey' | 'operatorKey' | 'breakGlass';

/** A new key: shown to its owner once, stored only as its hash. */
export interface MintedKey {
  readonly key: string;
  readonly hash: Uint8Array;
  /** Enough to recognise the key in a list. */
  readonly hint: string;
}

/** A key as presented: the row it names, and what that row must hold. */
export interface PresentedKey {
  readonly id: string;
  readonly hash: Uint8Array;
}

/** A refresh token as presented. */
export interface PresentedRefreshToken {
  readonly tenantId: string;
  readonly sessionId: string;
  readonly hash: Uint8Array;
}

/** A one-time code as presented. */
export interface PresentedSignInCode {
  readonly tenantId: string;
  readonly signInId: string;
  readonly hash: Uint8Array;
}

/** Makes and recognises opaque tokens. */
export interface OpaqueTokens {
  readonly mintKey: (kind: KeyKind, id: string) => MintedKey;
  /** `undefined` when the text does not have the form of such a key. */
  readonly parseKey: (kind: KeyKind, text: string) => PresentedKey | undefined;
  readonly mintRefreshToken: (
    tenantId: string,
    sessionId: string,
  ) => { readonly token: string; readonly hash: Uint8Array };
  /** `undefined` unless this server made the token for that session, now or at an earlier rotation. */
  readonly parseRefreshToken: (text: string) => PresentedRefreshToken | undefined;
  /** What the page exchanges for tokens after a sign-in through an identity provider. */
  readonly mintSignInCode: (tenantId: string, signInId: string) => { readonly code: string; readonly hash: Uint8Array };
  /** `undefined` when the text does not have the form of such a code. */
  readonly parseSignInCode: (text: string) => PresentedSignInCode | undefined;
  /** By which a browser is known again, from the cookie that it holds. */
  readonly hashOfBrowser: (cookie: string) => Uint8Array;
}

const keyPrefixes: Record<KeyKind, string> = { apiKey: 'sk-gen', operatorKey: 'op-gen', breakGlass: 'bg-gen' };
const keyPatterns: Record<KeyKind, RegExp> = {
  apiKey: /^sk-gen-([0-9a-f]{32})-[\w-]{43}$/,
  operatorKey: /^op-gen-([0-9a-f]{32})-[\w-]{43}$/,
  breakGlass: /^bg-gen-([0-9a-f]{32})-[\w-]{43}$/,
};
const refreshPattern = /^(rt-gen-([0-9a-f]{32})-([0-9a-f]{32})-[\w-]{43})-([\w-]{43})$/;
const signInPattern = /^si-gen-([0-9a-f]{32})-([0-9a-f]{32})-[\w-]{43}$/;
const secretBytes = 32;
const hintCharacters = 4;

/** @param pepper the server's secret; changing it ends every key and session. */
export function createOpaqueTokens(pepper: string): OpaqueTokens {
  const hmac = (purpose: string, text: string) =>
    createHmac('sha256', pepper).update(`${purpose}\u0000${text}`).digest();
  const randomWord = () => randomBytes(secretBytes).toString('base64url');
  const tagOf = (body: string) => hmac('refresh token issued', body).toString('base64url');

  return {
    mintKey(kind, id) {
      const key = `${keyPrefixes[kind]}-${hexOf(id)}-${randomWord()}`;
      return { key, hash: hmac(kind, key), hint: `${keyPrefixes[kind]}-…${key.slice(-hintCharacters)}` };
    },

    parseKey(kind, text) {
      const hex = keyPatterns[kind].exec(text)?.[1];
      return hex === undefined ? undefined : { id: `${idPrefixes[kind]}_${hex}`, hash: hmac(kind, text) };
    },

    mintRefreshToken(tenantId, sessionId) {
      const body = `rt-gen-${hexOf(tenantId)}-${hexOf(sessionId)}-${randomWord()}`;
      const token = `${body}-${tagOf(body)}`;
      return { token, hash: hmac('refresh token', token) };
    },

    // The tag tells a replayed token, which is a theft, from an invented one, which is noise: whoever knows only the id
    // of a session must not be able to end it.
    parseRefreshToken(text) {
      const [, body, tenantHex, sessionHex, tag] = refreshPattern.exec(text) ?? [];
      if (body === undefined || tag === undefined || !isSameSecret(Buffer.from(tag), Buffer.from(tagOf(body))))
        return undefined;
      return {
        tenantId: `${idPrefixes.tenant}_${tenantHex}`,
        sessionId: `${idPrefixes.session}_${sessionHex}`,
        hash: hmac('refresh token', text),
      };
    },

    mintSignInCode(tenantId, signInId) {
      const code = `si-gen-${hexOf(tenantId)}-${hexOf(signInId)}-${randomWord()}`;
      return { code, hash: hmac('sign-in code', code) };
    },

    parseSignInCode(text) {
      const [, tenantHex, signInHex] = signInPattern.exec(text) ?? [];
      if (tenantHex === undefined) return undefined;
      return {
        tenantId: `${idPrefixes.tenant}_${tenantHex}`,
        signInId: `${idPrefixes.signIn}_${signInHex}`,
        hash: hmac('sign-in code', text),
      };
    },

    hashOfBrowser: (cookie) => hmac('sign-in browser', cookie),
  };
}

/** Compares in a time that does not depend on where the two differ. */
export function isSameSecret(presented: Uint8Array, stored: Uint8Array): boolean {
  return presented.length === stored.length && timingSafeEqual(presented, stored);
}

function hexOf(id: string): string {
  return id.slice(id.indexOf('_') + 1);
}
