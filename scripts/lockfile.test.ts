import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { installDifferences } from './lockfile.ts';

const alpha = { version: '1.0.0', integrity: 'sha512-a' };
const wanted = {
  packages: {
    '': {},
    server: { version: '0.1.0' },
    'node_modules/alpha': alpha,
    'node_modules/alpha-other-platform': { version: '1.0.0', integrity: 'sha512-b', optional: true },
  },
};

test('an installation with every package of this platform is current', () => {
  expect(installDifferences(wanted, { packages: { 'node_modules/alpha': alpha } })).toEqual([]);
});

test('a missing package, another version, other content and a leftover are differences', () => {
  const installed = (packages: Record<string, object>) => installDifferences(wanted, { packages });
  expect(installed({})).toEqual(['node_modules/alpha']);
  expect(installed({ 'node_modules/alpha': { ...alpha, version: '1.0.1' } })).toEqual(['node_modules/alpha']);
  expect(installed({ 'node_modules/alpha': { ...alpha, integrity: 'sha512-x' } })).toEqual(['node_modules/alpha']);
  expect(installed({ 'node_modules/alpha': alpha, 'node_modules/left': alpha })).toEqual(['node_modules/left']);
});

describe.each(['package-lock.json', 'runtime/package-lock.json'])('%s', (path) => {
  const text = readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');
  const packages = Object.entries<Record<string, unknown>>(JSON.parse(text).packages);
  const fromRegistry = packages.filter(([folder, entry]) => folder.includes('node_modules/') && entry['link'] !== true);

  test('pins the content of every package and names no registry', () => {
    expect(fromRegistry.filter(([, entry]) => entry['integrity'] === undefined)).toEqual([]);
    expect(text).not.toMatch(/https?:\/\/[^"]*\.tgz/);
  });

  // npm leaves out an optional package that it could not fetch, and `npm ci` then refuses the whole lockfile.
  test('holds the optional packages of every platform', () => {
    const names = new Set(fromRegistry.map(([folder]) => folder.replace(/^.*node_modules\//, '')));
    const optional = packages.flatMap(([, entry]) => Object.keys(entry['optionalDependencies'] ?? {}));
    expect(optional.filter((name) => !names.has(name))).toEqual([]);
  });
});
