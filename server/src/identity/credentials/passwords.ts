/**
 * Password hashing: argon2id, with the memory that settings name and never more of it than the limits here allow.
 *
 * Checking takes the same work whether or not there is a hash to check against.
 */

import { randomBytes } from 'node:crypto';
import { hash, verify } from '@node-rs/argon2';
import { BulkheadRejectedError, bulkhead } from 'cockatiel';
import { AppError } from '../../errors.ts';

/** Hashes and checks passwords. */
export interface Passwords {
  /** @param pointer the field it came in. @throws {AppError} request_invalid when the password is too short or too long. */
  readonly hash: (password: string, pointer?: string) => Promise<string>;
  /** Whether the password fits; without a hash the answer is false, after the same work. */
  readonly verify: (hash: string | undefined, password: string) => Promise<boolean>;
}

/** What hashing costs and demands. */
export interface PasswordsOptions {
  readonly lengthMin: number;
  readonly memoryKib: number;
}

/** Hashes computed at once; each holds its memory and a thread of libuv's pool of four, which files and DNS need too. */
const hashesConcurrentMax = 2;
/** Logins that wait for their turn; a hash takes 11 ms on an idle core, so the last waits less than a second. */
const hashesWaitingMax = 64;
/** Longer passwords are refused before any work is done on them. */
const passwordLengthMax = 1024;
/** Passes over the memory, as OWASP pairs them with 19 MiB. */
const passes = 2;

/** Where the hash of a user's password is sealed. */
export function passwordCell(userId: string) {
  return { table: 'users', rowId: userId, column: 'password_hash' };
}

/** Makes the hashing of passwords. */
export function createPasswords({ lengthMin, memoryKib }: PasswordsOptions): Passwords {
  const turns = bulkhead(hashesConcurrentMax, hashesWaitingMax);
  const parameters = { memoryCost: memoryKib, timeCost: passes, parallelism: 1 };
  const decoyHash = `$argon2id$v=19$m=${memoryKib},t=${passes},p=1$${unpaddedBase64(16)}$${unpaddedBase64(32)}`;

  async function inTurn<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await turns.execute(work);
    } catch (error) {
      if (!(error instanceof BulkheadRejectedError)) throw error;
      throw new AppError('rate_limit_exceeded', { detail: 'Too many logins at once.', retryAfterMs: 2000 });
    }
  }

  return {
    async hash(password, pointer = '/password') {
      const { length } = password;
      if (length < lengthMin || length > passwordLengthMax) {
        const message = `Use ${lengthMin} to ${passwordLengthMax} characters.`;
        throw new AppError('request_invalid', { errors: [{ location: 'body', pointer, message }] });
      }
      return inTurn(() => hash(bytesOf(password), parameters));
    },

    verify: (storedHash, password) =>
      inTurn(async () => {
        const isCheckable = storedHash !== undefined && password.length <= passwordLengthMax;
        const isSame = await verify(isCheckable ? storedHash : decoyHash, isCheckable ? bytesOf(password) : '');
        return isSame && isCheckable;
      }),
  };
}

/** The same letters typed on two keyboards can differ in code points; NFKC makes them the same bytes. */
function bytesOf(password: string): Uint8Array {
  return new TextEncoder().encode(password.normalize('NFKC'));
}

function unpaddedBase64(length: number): string {
  return randomBytes(length).toString('base64').replace(/=+$/, '');
}
