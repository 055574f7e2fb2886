import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kmsConformance } from './kms.conformance.ts';
import { createKeyFile, createLocalKms } from './local.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'genai-kms-'));
  createKeyFile(join(folder, 'keys', 'one'));
  createKeyFile(join(folder, 'keys', 'two'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the local key file as key service', () => {
  kmsConformance(
    async () => createLocalKms(join(folder, 'keys', 'one')),
    async () => createLocalKms(join(folder, 'keys', 'two')),
  );

  it('is made for its owner alone, whatever the umask, and never over another', () => {
    const umask = process.umask(0);
    createKeyFile(join(folder, 'fresh', 'key'));
    process.umask(umask);
    expect(statSync(join(folder, 'fresh')).mode & 0o777).toBe(0o700);
    expect(statSync(join(folder, 'fresh', 'key')).mode & 0o777).toBe(0o600);
    expect(() => createKeyFile(join(folder, 'fresh', 'key'))).toThrow(/EEXIST/);
  });

  it.each([0o644, 0o640, 0o604, 0o660, 0o601])('is refused when others have a right to it (mode %o)', (mode) => {
    const path = join(folder, 'shared');
    createKeyFile(path);
    chmodSync(path, mode);
    expect(() => createLocalKms(path)).toThrow(`chmod 600 ${path}`);
    rmSync(path);
  });

  it.each([
    '',
    'short',
    `${Buffer.alloc(31).toString('base64')}`,
    `${Buffer.alloc(33).toString('base64')}`,
    '!'.repeat(44),
  ])('is refused when it does not hold a key: %j', (text) => {
    const path = join(folder, 'malformed');
    writeFileSync(path, text, { mode: 0o600 });
    expect(() => createLocalKms(path)).toThrow('does not hold 32 bytes in base64');
  });

  it('is refused when it is missing, with what that means', () => {
    expect(() => createLocalKms(join(folder, 'absent'))).toThrow(/absent cannot be read. Restore it/);
  });
});
