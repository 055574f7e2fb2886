/** What names, addresses and pages must look like before they reach the database. */

import { isId } from '../db/index.ts';
import { AppError } from '../errors.ts';
import { invalidField } from './refusals.ts';

const emailLengthMax = 254;
const emailPattern = /^[^\s@\p{Cc}\p{Cs}]+@[^\s@\p{Cc}\p{Cs}]+$/u;

/** A list of things, oldest first, and where the next page begins. */
export interface Page<T> {
  readonly data: readonly T[];
  readonly nextCursor: string | null;
}

/** Which page of a list. */
export interface PageRequest {
  readonly limit: number;
  /** What the page before returned. */
  readonly cursor: string | undefined;
}

/** An e-mail address as it is stored and compared; `undefined` when it cannot be one. */
export function normalisedEmail(text: string): string | undefined {
  const email = text.trim().normalize('NFC').toLowerCase();
  return email.length <= emailLengthMax && emailPattern.test(email) ? email : undefined;
}

/** A name without surrounding space. @throws {AppError} request_invalid. */
export function checkedName(name: string): string {
  const trimmed = name.trim();
  if (!/^\P{Cc}{1,200}$/u.test(trimmed)) {
    throw invalidField('/name', 'Use 1 to 200 characters, none of them a control character.');
  }
  return trimmed;
}

/** A value of a list. @throws {AppError} request_invalid. */
export function checkedChoice<T extends string>(value: T, choices: readonly T[], pointer: string): T {
  if (!choices.includes(value)) throw invalidField(pointer, `Use one of ${choices.join(', ')}.`);
  return value;
}

/** @throws {AppError} request_invalid when the cursor is not an id of the kind that is listed. */
export function assertCursor(kind: Parameters<typeof isId>[0], cursor: string | undefined): void {
  if (cursor === undefined || isId(kind, cursor)) return;
  const message = 'Send the cursor that the page before returned, or none.';
  throw new AppError('request_invalid', { errors: [{ location: 'query', pointer: '/cursor', message }] });
}

/** A page of rows that were selected with one row more than its limit. */
export function pageFrom<T extends { readonly id: string }>(rows: readonly T[], limit: number): Page<T> {
  const data = rows.slice(0, limit);
  return { data, nextCursor: rows.length > limit ? (data.at(-1)?.id ?? null) : null };
}
