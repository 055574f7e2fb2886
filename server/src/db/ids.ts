/**
 * Ids: a prefix that says what it names, and a UUIDv7, which sorts by time and cannot be guessed.
 */

import { v7 as uuidv7 } from 'uuid';

/** Prefixes by kind of thing. */
export const idPrefixes = {
  tenant: 'ten',
  team: 'tem',
  user: 'usr',
  session: 'ses',
  identity: 'idn',
  signIn: 'sgn',
  apiKey: 'key',
  operatorKey: 'opk',
  breakGlass: 'brk',
  collection: 'col',
  document: 'doc',
  request: 'req',
  usage: 'usg',
  audit: 'aud',
  securityEvent: 'sec',
} as const;

/** Makes a new id, for example `doc_0192f4c8e0b17d0e9a5b3c1d2e3f4a5b`. */
export function newId(kind: keyof typeof idPrefixes): string {
  return `${idPrefixes[kind]}_${uuidv7().replaceAll('-', '')}`;
}

/** Whether a text has the form of an id of a kind; says nothing about its existence. */
export function isId(kind: keyof typeof idPrefixes, text: string): boolean {
  return text.startsWith(`${idPrefixes[kind]}_`) && /^[a-z]{3}_[0-9a-f]{32}$/.test(text);
}
