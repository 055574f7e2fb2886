/** What clients may send about documents and collections; each check names the field and says how to mend it. */

import { AppError, type FieldError } from '../errors.ts';

/** The part of a request that a field stands in. */
export type InputLocation = FieldError['location'];

const titleCharactersMax = 500;
const filenameCharactersMax = 255;
const collectionNameCharactersMax = 100;

/** An error about one field. */
export function invalidField(location: InputLocation, pointer: string, message: string): AppError {
  return new AppError('request_invalid', { detail: message, errors: [{ location, pointer, message }] });
}

/** @throws {AppError} request_invalid. */
export function checkedTitle(title: string): string {
  return checkedLine(title, '/title', titleCharactersMax);
}

/** @throws {AppError} request_invalid. */
export function checkedCollectionName(name: string): string {
  const line = checkedLine(name, '/name', collectionNameCharactersMax);
  // Collections are found by id or name, so no name may look like an id.
  if (line.startsWith('col_')) throw invalidField('body', '/name', 'Use a name that does not begin with "col_".');
  return line;
}

/**
 * The last part of a path, as browsers and command lines send it; only ever shown, never used as a path.
 * @throws {AppError} request_invalid.
 */
export function checkedFilename(filename: string): string {
  return checkedLine(filename.split(/[/\\]/).at(-1) ?? '', '/file', filenameCharactersMax);
}

/** The title of a document that nobody gave one. */
export function titleFromFilename(filename: string): string {
  return filename.replace(/(?<=.)\.[^.]{1,10}$/u, '');
}

function checkedLine(text: string, pointer: string, charactersMax: number): string {
  const line = text.normalize('NFC').trim();
  // Control characters and unpaired surrogates would garble logs, headers and pages.
  if (line === '' || line.length > charactersMax || /[\p{Cc}\p{Cs}]/u.test(line)) {
    throw invalidField('body', pointer, `Use 1 to ${charactersMax} characters, none of them a control character.`);
  }
  return line;
}
