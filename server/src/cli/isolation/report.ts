/**
 * The report of a verification, signed: Ed25519 over its canonical JSON (RFC 8785), with the public key beside it.
 *
 * The signature says that a report was not changed since, and by the key whose it is. It does not say who holds that key:
 * whoever must know compares its fingerprint.
 */

import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import canonicalize from 'canonicalize';
import { CommandError } from '../failures.ts';
import type { Result } from './verify.ts';

/** A report as its file holds it. */
export interface SignedReport {
  readonly report: Result;
  readonly signature: { readonly algorithm: 'Ed25519'; readonly public_key: string; readonly value: string };
}

/** Where the key is, unless another is named. */
export function reportKeyFile(): string {
  return join(homedir(), '.config', 'genai', 'report-key.pem');
}

/** The key of a file; made, readable by its owner only, when there is none. @throws {CommandError} when it is no such key. */
export function reportKey(file: string): KeyObject {
  try {
    const key = createPrivateKey(readFileSync(file));
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return newKey(file);
    if (!(error instanceof Error && 'opensslErrorStack' in error) && (error as { code?: string }).code === 'EACCES')
      throw error;
  }
  throw new CommandError('notConfigured', `${file} holds no Ed25519 key.`, {
    fix: 'Make one with `openssl genpkey -algorithm ed25519`, or name no key.',
  });
}

function newKey(file: string): KeyObject {
  const { privateKey } = generateKeyPairSync('ed25519');
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(file, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600, flag: 'wx' });
  return privateKey;
}

/** Signs a report. */
export function signedReport(report: Result, key: KeyObject): SignedReport {
  const public_key = createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString();
  return {
    report,
    signature: { algorithm: 'Ed25519', public_key, value: sign(null, bytesOf(report), key).toString('base64') },
  };
}

/** Writes a report to a file. */
export function writeReport(file: string, report: SignedReport): void {
  writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`, { mode: 0o600 });
}

/** Reads a report and its key's fingerprint. @throws {CommandError} when it is none or its signature is wrong. */
export function checkedReport(file: string): { readonly report: Result; readonly fingerprint: string } {
  const { report, signature } = parsed(file);
  const key = createPublicKey(signature.public_key);
  if (!verify(null, bytesOf(report), key, Buffer.from(signature.value, 'base64')))
    throw new CommandError('findings', `${file} was changed after it was signed.`);
  return { report, fingerprint: fingerprintOf(signature) };
}

function parsed(file: string): SignedReport {
  const text = readFileSync(file, 'utf8');
  try {
    const { report, signature } = JSON.parse(text) as SignedReport;
    const isReport = typeof report.operations === 'number' && signature.algorithm === 'Ed25519';
    if (isReport && createPublicKey(signature.public_key).asymmetricKeyType === 'ed25519') return { report, signature };
  } catch {
    // Told below, in words that help.
  }
  throw new CommandError('usage', `${file} is no signed report of a verification.`);
}

/** Names a key: the SHA-256 of its public half, as OpenSSH writes it. */
export function fingerprintOf({ public_key }: SignedReport['signature']): string {
  const der = createPublicKey(public_key).export({ type: 'spki', format: 'der' });
  return `SHA256:${createHash('sha256').update(der).digest('base64url')}`;
}

function bytesOf(report: Result): Buffer {
  return Buffer.from(canonicalize(report) ?? '');
}
