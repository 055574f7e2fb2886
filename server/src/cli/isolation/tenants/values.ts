/** Values for the places of an input: what the schema suggests, and for names something that the tenant has. */

import type { Operation } from '../api/description.ts';
import type { Place } from '../api/places.ts';
import { newPassword, type Side } from './sides.ts';
import { partsOf } from './things.ts';

/** Asked by both tenants in the same words, so that an answer kept for one would be seen in that of the other. */
const commonText = 'What is the access code of the safe?';

/** What operators say of a tenant itself they see again. */
function administersTenants({ access, path, answer }: Operation): boolean {
  return access === 'operator' && answer !== undefined && /\/tenants(\/\{\w+\})?$/.test(path);
}

/** Texts that may be this long are questions and the like; shorter ones are names. */
const longTextMin = 1000;

/** The text of a file, with a word in it that answers the common question. */
function fileText(word: string): string {
  return `The access code of the safe is ${word}.\n\nWhoever needs the access code of the safe asks the keeper of the safe for it.\n`;
}

/** A value that the schema of a place admits; `undefined` when that cannot be known. */
export function plainValue({ schema, kind, label, names }: Place, operation: Operation, side: Side): unknown {
  if (names.some((reference) => reference.endsWith('.email'))) return `${side.word('an address')}@example.com`;
  if (schema.const !== undefined) return schema.const;
  if (schema.examples !== undefined) return schema.examples[0];
  if (schema.enum !== undefined) return schema.enum[0];
  if (kind === 'flag') return false;
  const what = `the ${label} of ${operation.id}`;
  const word = () => side.word(what, administersTenants(operation) ? 'tenant' : 'content');
  if (kind === 'file') return { file: { name: `${side.word(what)}.txt`, text: fileText(side.word(what)) } };
  if (kind === 'other')
    return schema.format?.startsWith('date') === true ? new Date().toISOString() : (schema.minimum ?? 1);
  return textValue(schema.format, schema.maxLength, word, schema.type === undefined, names.length > 0);
}

function textValue(
  format: string | undefined,
  lengthMax = Number.POSITIVE_INFINITY,
  word: () => string,
  isAnything: boolean,
  isName: boolean,
) {
  if (format === 'email') return `${word()}@example.com`;
  if (format === 'uri' || format === 'url') return `https://example.com/${word()}`;
  if (format === 'password') return newPassword();
  if (!isName && (isAnything || lengthMax >= longTextMin)) return commonText;
  return word().slice(0, lengthMax);
}

/** Whether a place gives a thing that the operation makes one of its values, and so names nothing that exists. */
export function isDefining({ names }: Place, madeKind: string | undefined): boolean {
  return madeKind !== undefined && names.some((reference) => partsOf(reference)[0] === madeKind);
}

/**
 * A value of the same form that names nothing: the last letters and digits are others. What sorts by its beginning, as ids
 * do, stands at the same place as the one that it was made of; an address stays in its domain.
 */
export function absentLike(value: string): string {
  const [named = '', ...domain] = value.split(/(?=@)/);
  return [lastChanged(named), ...domain].join('');
}

function lastChanged(value: string): string {
  const changed = [...value];
  let left = 8;
  for (let at = changed.length - 1; at >= 0 && left > 0; at -= 1) {
    const char = changed[at] ?? '';
    const alphabet = alphabets.find((one) => one.includes(char));
    if (alphabet === undefined) continue;
    changed[at] = alphabet[(alphabet.indexOf(char) + 3 + left) % alphabet.length] ?? char;
    left -= 1;
  }
  return changed.join('');
}

/** Hexadecimal digits first, so that what is hexadecimal stays it. */
const alphabets = ['0123456789', 'abcdef', 'ghijklmnopqrstuvwxyz', 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'];
