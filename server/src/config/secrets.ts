/**
 * Secrets that a development server makes for itself, so that the first start needs no set-up.
 *
 * They live in `GENAI_DATA_DIR/secrets.env` (mode 0600) and are never made in production.
 */

import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseEnv } from 'node:util';

const names = ['JWT_SECRET_KEY', 'API_KEY_PEPPER'] as const;

/** Reads the generated secrets of a data folder, making the missing ones first. */
export function generatedSecrets(dataDir: string): Record<string, string> {
  const path = secretsFile(dataDir);
  const secrets = knownSecrets(dataDir);
  const missing = names.filter((name) => (secrets[name] ?? '') === '');
  if (missing.length === 0) return secrets;
  for (const name of missing) secrets[name] = randomBytes(48).toString('base64url');
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const lines = Object.entries(secrets).map(([name, value]) => `${name}=${value}\n`);
  // Written beside and renamed: a crash leaves the old file or the new one, never half of one, and no mode but 0600.
  const draft = `${path}.draft`;
  rmSync(draft, { force: true });
  writeFileSync(draft, `# Made on first start. Losing them ends all sessions and API keys.\n${lines.join('')}`, {
    mode: 0o600,
    flag: 'wx',
    flush: true,
  });
  renameSync(draft, path);
  return secrets;
}

function secretsFile(dataDir: string): string {
  return join(dataDir, 'secrets.env');
}

/** Reads the secrets that were generated for a data folder; makes none. */
export function knownSecrets(dataDir: string): Record<string, string> {
  try {
    return parseEnv(readFileSync(secretsFile(dataDir), 'utf8')) as Record<string, string>;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return {};
    throw error;
  }
}
