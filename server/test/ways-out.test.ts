/** Nothing but egress/ opens a connection to the outside: whoever tries is stopped by the linter. */

import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');

/** Ways to call out, as somebody in a hurry would write them. */
const planted = [
  "export const answer = await fetch('https://example.com');",
  "export const answer = await globalThis.fetch('https://example.com');",
  "export const call = (send = fetch) => send('https://example.com');",
  "export const socket = new WebSocket('wss://example.com');",
  "export const events = new EventSource('https://example.com');",
  "import { request } from 'undici';\nexport const answer = request('https://example.com');",
  "export const { request } = await import('undici');",
  "import { request } from 'node:http';\nexport const sent = request('http://example.com');",
  "import * as http from 'node:http';\nexport const sent = http.request('http://example.com');",
  "export { request } from 'node:https';",
  "import { connect } from 'node:net';\nexport const socket = connect(80, 'example.com');",
  "import { Socket } from 'node:net';\nexport const socket = new Socket().connect(80, 'example.com');",
  "export const { connect } = await import('node:tls');",
  "import { connect } from 'node:http2';\nexport const session = connect('https://example.com');",
  "import { createSocket } from 'node:dgram';\nexport const socket = createSocket('udp4');",
  "import { lookup } from 'node:dns/promises';\nexport const found = lookup('example.com');",
  "import { createRemoteJWKSet } from 'jose';\nexport const keys = createRemoteJWKSet(new URL('https://example.com'));",
  "import { createRequire } from 'node:module';\nexport const undici = createRequire('/')('undici');",
];

/** What stays allowed: parts of the same modules that open nothing. */
const harmless = [
  "import { isIP } from 'node:net';\nexport const family = isIP('127.0.0.1');",
  "import { STATUS_CODES } from 'node:http';\nexport const title = STATUS_CODES[404];",
];

describe('the linter', () => {
  let folder: string;
  let complaints: ReadonlyMap<string, readonly string[]>;

  const fileOf = (module: string, place: number) => `server/src/${module}/planted-${place}.ts`;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'genai-ways-out-'));
    for (const name of ['biome.json', '.gitignore']) copyFileSync(join(root, name), join(folder, name));
    const write = (file: string, text: string) => {
      mkdirSync(dirname(join(folder, file)), { recursive: true });
      writeFileSync(join(folder, file), `${text}\n`);
    };
    for (const [place, text] of planted.entries()) {
      for (const module of ['documents', 'egress']) write(fileOf(module, place), text);
    }
    for (const [place, text] of harmless.entries()) write(fileOf('ingest', place), text);
    const program = join(root, 'node_modules/@biomejs/biome/bin/biome');
    const args = [program, 'lint', '--reporter=json', '--max-diagnostics=none', 'server'];
    let output: string;
    try {
      output = execFileSync(process.execPath, args, {
        cwd: folder,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      });
    } catch (error) {
      output = (error as { stdout: string }).stdout;
    }
    complaints = complaintsIn(output);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each(planted.map((text, place) => [text, place] as const))('refuses %s', (_, place) => {
    expect(complaints.get(fileOf('documents', place)) ?? []).toContainEqual(expect.stringMatching(/noRestricted/));
  });

  it('lets egress/ call out, and others use what calls nobody', () => {
    const files = [...planted.keys()].map((place) => fileOf('egress', place));
    for (const file of [...files, ...[...harmless.keys()].map((place) => fileOf('ingest', place))]) {
      expect(complaints.get(file) ?? [], file).not.toContainEqual(expect.stringMatching(/noRestricted/));
    }
  });
});

/** The rules that were broken, by file. */
function complaintsIn(output: string): ReadonlyMap<string, readonly string[]> {
  const { diagnostics } = JSON.parse(output) as { diagnostics: { category: string; location: { path: string } }[] };
  const byFile = new Map<string, string[]>();
  for (const { category, location } of diagnostics) {
    byFile.set(location.path, [...(byFile.get(location.path) ?? []), category]);
  }
  return byFile;
}
