/** `first-run.json` in the data folder: what the first start made, for commands, scripts and people. */

import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BuiltInRole, TenantTier } from '../context.ts';
import { CommandError } from './failures.ts';

/** What the first start made, as `data/first-run.json` holds it. */
export interface FirstRun {
  readonly base_url: string;
  readonly operator_key: string;
  readonly tenants: readonly FirstRunTenant[];
}

/** A demo tenant. */
export interface FirstRunTenant {
  readonly id: string;
  readonly slug: string;
  readonly tier: TenantTier;
  readonly users: readonly FirstRunUser[];
}

/** A demo user and their credentials. */
export interface FirstRunUser {
  readonly email: string;
  readonly password: string;
  readonly role: BuiltInRole;
  readonly api_key: string;
}

/** Where the file is. */
export function firstRunFile(dataDir: string): string {
  return join(dataDir, 'first-run.json');
}

/** The demo that a first start prepared in a data folder; `undefined` when none did. */
export function readFirstRun(dataDir: string): FirstRun | undefined {
  const file = firstRunFile(dataDir);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return JSON.parse(text) as FirstRun;
  } catch (error) {
    const fix = 'Restore it, or remove it and name server and key with GENAI_URL and GENAI_API_KEY.';
    throw new CommandError('notConfigured', `${file} is not JSON.`, { fix, cause: error });
  }
}

/** Writes the file, for its owner only, whole or not at all. */
export function writeFirstRun(dataDir: string, firstRun: FirstRun): void {
  const file = firstRunFile(dataDir);
  writeFileSync(`${file}.new`, `${JSON.stringify(firstRun, null, 2)}\n`, { mode: 0o600, flush: true });
  renameSync(`${file}.new`, file);
}
