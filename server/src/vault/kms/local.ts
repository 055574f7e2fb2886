/**
 * Key encryption key in a local file: for laptops, tests and small installations.
 *
 * The file holds 32 random bytes in base64 and must be readable by its owner only. Losing it loses every sealed byte.
 */

import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { SetupError } from '../../errors.ts';
import { decrypt, encrypt } from '../aead.ts';
import type { Kms } from './kms.ts';

const keyBytes = 32;

/** Writes a new key file (mode 0600); throws when the file exists. */
export function createKeyFile(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(path, `${randomBytes(keyBytes).toString('base64')}\n`, { mode: 0o600, flag: 'wx', flush: true });
}

/**
 * Opens a key file.
 * @throws when it is missing, malformed, or readable by others, with what to do.
 */
export function createLocalKms(path: string): Kms {
  const key = readKey(path);
  const keyId = `local:${createHash('sha256').update('genai key id').update(key).digest('hex').slice(0, 16)}`;
  return {
    keyId,
    wrapKey: async (dataKey, context) => encrypt(key, dataKey, context),
    unwrapKey: async (wrappedKey, context) => decrypt(key, wrappedKey, context),
  };
}

function readKey(path: string): Buffer {
  let mode: number;
  let text: string;
  try {
    mode = statSync(path).mode;
    text = readFileSync(path, 'utf8').trim();
  } catch (error) {
    throw new SetupError(
      `The key file ${path} cannot be read. Restore it; what was sealed with it cannot be opened otherwise.`,
      {
        cause: error,
      },
    );
  }
  if ((mode & 0o077) !== 0) throw new SetupError(`The key file ${path} is readable by others. Run: chmod 600 ${path}`);
  const key = Buffer.from(text, 'base64');
  if (key.length !== keyBytes || key.toString('base64') !== text) {
    throw new SetupError(`The key file ${path} does not hold ${keyBytes} bytes in base64.`);
  }
  return key;
}
