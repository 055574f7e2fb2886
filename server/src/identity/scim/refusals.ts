/** What SCIM refuses, in the codes of our table; the edge adds the keywords of RFC 7644 section 3.12. */

import { AppError } from '../../errors.ts';
import type { Attribute } from './attributes.ts';

/** Longest part of a request that a refusal repeats. */
const quotedLengthMax = 100;

/** A value that its attribute cannot have. */
export function valueInvalid({ name }: Pick<Attribute, 'name'>, message: string): AppError {
  return new AppError('request_invalid', {
    detail: `${name} ${message}.`,
    errors: [{ location: 'body', pointer: `/${name}`, message }],
  });
}

/** A filter that cannot be read, or asks for something that cannot be searched. */
export function filterInvalid(message: string): AppError {
  return new AppError('filter_invalid', { detail: message });
}

/** A path of a change that cannot be read, or names nothing. */
export function pathInvalid(message: string): AppError {
  return new AppError('path_invalid', { detail: message });
}

/** A path of a change whose filter selects nothing. */
export function targetMissing(path: string): AppError {
  return new AppError('target_missing', { detail: `The path ${quoted(path)} selects no value.` });
}

/** An attribute that clients do not write. */
export function attributeReadOnly({ name }: Pick<Attribute, 'name'>, message: string): AppError {
  return new AppError('attribute_read_only', { detail: `${name} ${message}.` });
}

/** The beginning of a text that came in, safe to show. */
export function quoted(text: string): string {
  return JSON.stringify(text.slice(0, quotedLengthMax).toWellFormed());
}
