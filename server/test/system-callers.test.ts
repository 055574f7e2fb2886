/** Who works across tenants: a new caller of `asSystem` is a reviewed decision, written down here. */

import { globSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { systemReasons } from '../src/db/index.ts';

const reviewed: Record<keyof typeof systemReasons, readonly string[]> = {
  'audit.security': ['src/audit/audit-log.ts', 'src/audit/foreign-ids.ts'],
  'identity.authenticate': [
    'src/identity/break-glass/authentication.ts',
    'src/identity/federation/sign-in.ts',
    'src/identity/keys/key-authentication.ts',
    'src/identity/sessions/login.ts',
  ],
  'operators.access': ['src/identity/break-glass/break-glass.ts'],
  'identity.operators': ['src/identity/operators/operators.ts'],
  'identity.standing': ['src/identity/credentials/still-standing.ts'],
  'ingest.recover': ['src/worker/jobs.ts'],
  'jobs.queue': ['src/worker/jobs.ts'],
  'ledger.record': ['src/ledger/ledger.ts'],
  'operators.record': ['src/cli/offline.ts'],
  'search.placement': ['src/documents/sizes.ts', 'src/search/vector-placement.ts'],
  'tenants.administer': ['src/tenants/tenants.ts'],
};

const root = new URL('../', import.meta.url);
const files = globSync('src/**/*.ts', { cwd: root }).filter((file) => !/\.(test|conformance)\.ts$/.test(file));

describe('transactions across tenants', () => {
  it('are opened by the reviewed files only, each for its reason', () => {
    const found: Record<string, string[]> = {};
    for (const file of files.sort()) {
      const text = readFileSync(new URL(file, root), 'utf8');
      for (const [, reason = ''] of text.matchAll(/\.asSystem\(\s*'([^']*)'/g)) {
        found[reason] ??= [];
        if (!found[reason].includes(file)) found[reason].push(file);
      }
    }
    expect(found).toEqual(reviewed);
  });

  it('always name their reason where they are opened', () => {
    const unnamed = /\.asSystem\b(?!\(\s*'[a-z.]+')|\{[^{}]*\basSystem\b[^{}]*\}\s*[=:]/g;
    const calls = files.flatMap((file) => {
      const text = readFileSync(new URL(file, root), 'utf8');
      return [...text.matchAll(unnamed)].map(({ index }) => `${file}: ${text.slice(index, index + 60)}`);
    });
    expect(calls).toEqual([]);
  });

  it('have a described reason each', () => {
    expect(Object.keys(reviewed).sort()).toEqual(Object.keys(systemReasons).sort());
    expect(Object.values(systemReasons).every((text) => /^[A-Z].+\.$/.test(text))).toBe(true);
  });
});
