import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from './load.ts';
import { generatedSecrets } from './secrets.ts';

let parent: string;
let dataDir: string;
let umask: number;
beforeEach(() => {
  // The widest there is, so that the modes below are the product's own doing.
  umask = process.umask(0);
  parent = mkdtempSync(join(tmpdir(), 'genai-secrets-'));
  dataDir = join(parent, 'data');
});
afterEach(() => {
  process.umask(umask);
  rmSync(parent, { recursive: true, force: true });
});

const modeOf = (path: string) => statSync(path).mode & 0o777;

describe('generated secrets', () => {
  it('are made once, in a file and a folder that only the owner can read', () => {
    const first = generatedSecrets(dataDir);
    expect(generatedSecrets(dataDir)).toEqual(first);
    expect([modeOf(dataDir), modeOf(join(dataDir, 'secrets.env'))]).toEqual([0o700, 0o600]);
    expect(readdirSync(dataDir)).toEqual(['secrets.env']);
  });

  it('satisfy the rules that configured secrets must satisfy, and differ from each other and between folders', () => {
    const generated = generatedSecrets(dataDir);
    const { config, sources } = loadConfig({ environment: {}, directory: parent, generated });
    expect(config.security.jwtSecretKey).toBe(generated['JWT_SECRET_KEY']);
    expect(sources.get('API_KEY_PEPPER')).toBe('generated');
    const all = [...Object.values(generated), ...Object.values(generatedSecrets(join(parent, 'other')))];
    expect(new Set(all).size).toBe(4);
  });

  it('replace what is missing or empty, keep the rest, and close a file that others could read', () => {
    generatedSecrets(dataDir);
    const path = join(dataDir, 'secrets.env');
    writeFileSync(path, 'JWT_SECRET_KEY=kept\nAPI_KEY_PEPPER=\n');
    chmodSync(path, 0o644);
    const { JWT_SECRET_KEY, API_KEY_PEPPER } = generatedSecrets(dataDir);
    expect(JWT_SECRET_KEY).toBe('kept');
    expect(API_KEY_PEPPER).toMatch(/^[\w-]{64}$/);
    expect(readFileSync(path, 'utf8')).toContain(`API_KEY_PEPPER=${API_KEY_PEPPER}\n`);
    expect(modeOf(path)).toBe(0o600);
  });
});
