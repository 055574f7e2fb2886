import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { packTar, type TarEntry } from 'modern-tar';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readArchive, writeArchive } from './archive.ts';
import { CommandError } from './failures.ts';

let parent: string;
let source: string;
let target: string;
let archive: string;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'genai-archive-'));
  [source, target, archive] = [join(parent, 'source'), join(parent, 'target'), join(parent, 'a.tar.gz')];
  for (const folder of [source, target]) mkdirSync(folder);
});
afterEach(() => rmSync(parent, { recursive: true, force: true }));

const facts = { version: '1.2.3', created_at: '2026-01-01T00:00:00.000Z', encryption_key: 'included' } as const;
const all = () => true;

function put(path: string, content: string | Uint8Array): void {
  mkdirSync(dirname(join(source, path)), { recursive: true });
  writeFileSync(join(source, path), content);
}

/** Every file and folder below a folder, with contents. */
function contentsOf(folder: string): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
  return Object.fromEntries(
    names.map((name) => {
      const path = join(folder, name);
      return [
        name,
        statSync(path).isDirectory() ? 'folder' : createHash('sha256').update(readFileSync(path)).digest('hex'),
      ];
    }),
  );
}

/** Writes an archive of these entries after a manifest that is changed as told. */
async function forge(entries: readonly TarEntry[], manifest: object = {}): Promise<void> {
  const sha256 = createHash('sha256').update('content').digest('hex');
  const honest = { format: 1, ...facts, folders: ['sub'], files: [{ path: 'sub/a', bytes: 7, sha256 }] };
  const json = JSON.stringify({ ...honest, ...manifest });
  const head: TarEntry = { header: { name: 'manifest.json', size: Buffer.byteLength(json), type: 'file' }, body: json };
  writeFileSync(archive, gzipSync(await packTar([head, ...entries])));
}

const folderEntry: TarEntry = { header: { name: 'sub/', size: 0, type: 'directory' } };
const file = (name: string, body = 'content'): TarEntry => ({
  header: { name, size: body.length, type: 'file' },
  body,
});

describe('an archive', () => {
  it('brings back every byte, empty folders and long names, for the owner alone', async () => {
    put('a.txt', 'text');
    put('big.bin', Buffer.alloc(3_000_000, 'abcdefg'));
    put('empty.txt', '');
    put(`deep/${'x'.repeat(200)}/${'y'.repeat(200)}`, 'long');
    mkdirSync(join(source, 'hollow/inner'), { recursive: true });
    const manifest = await writeArchive(source, archive, facts, all);
    expect(statSync(archive).mode & 0o777).toBe(0o600);
    expect(await readArchive(archive, target)).toEqual(manifest);
    expect(contentsOf(target)).toEqual(contentsOf(source));
    expect(statSync(join(target, 'a.txt')).mode & 0o777).toBe(0o600);
    expect(statSync(join(target, 'hollow')).mode & 0o777).toBe(0o700);
  });

  it('leaves out what it is told to', async () => {
    put('lock', '');
    put('kept', '');
    const { files } = await writeArchive(source, archive, facts, (path) => path !== 'lock');
    expect(files.map(({ path }) => path)).toEqual(['kept']);
  });

  it('never replaces a file, and leaves none when it fails', async () => {
    put('a.txt', 'text');
    writeFileSync(archive, 'precious');
    await expect(writeArchive(source, archive, facts, all)).rejects.toThrow('EEXIST');
    expect(readFileSync(archive, 'utf8')).toBe('precious');
    const nowhere = join(parent, 'no/such/folder.tar.gz');
    await expect(writeArchive(source, nowhere, facts, all)).rejects.toThrow('ENOENT');
    symlinkSync('/dev/null', join(source, 'device'));
    const other = join(parent, 'b.tar.gz');
    await expect(writeArchive(source, other, facts, all)).rejects.toThrow('neither file nor folder');
    expect(existsSync(other)).toBe(false);
  });
});

describe('reading an archive', () => {
  it('accepts what its manifest says', async () => {
    await forge([folderEntry, file('sub/a')]);
    await readArchive(archive, target);
    expect(readFileSync(join(target, 'sub/a'), 'utf8')).toBe('content');
  });

  it.each([
    ['a changed byte', [folderEntry, file('sub/a', 'c0ntent')], {}, '"sub/a" is damaged'],
    ['a shorter file', [folderEntry, file('sub/a', 'cont')], {}, '"sub/a" is damaged'],
    ['a missing file', [folderEntry], {}, '"sub/a" is missing'],
    ['a file that is not in the manifest', [folderEntry, file('sub/b')], {}, '"sub/b" is not in its manifest'],
    ['the same file twice', [folderEntry, file('sub/a'), file('sub/a')], {}, '"sub/a" is not in its manifest'],
    [
      'a link',
      [{ header: { name: 'sub/a', size: 0, type: 'symlink', linkname: '/etc/passwd' } }],
      {},
      'is not in its manifest',
    ],
    ['another format', [], { format: 2 }, 'another version'],
    ['a manifest that is none', [], { files: 'x' }, 'another version'],
    ['a path that climbs out', [], { files: [], folders: ['../out'] }, 'another version'],
    ['a path that climbs out further down', [], { files: [], folders: ['a/../../out'] }, 'another version'],
    ['an absolute path', [], { files: [], folders: ['/tmp/out'] }, 'another version'],
  ] satisfies [string, TarEntry[], object, string][])('refuses %s', async (_what, entries, manifest, message) => {
    await forge(entries, manifest);
    await expect(readArchive(archive, target)).rejects.toThrow(CommandError);
    rmSync(target, { recursive: true });
    mkdirSync(target);
    await expect(readArchive(archive, target)).rejects.toThrow(message);
  });

  it('refuses what was cut short anywhere, or is no archive at all', async () => {
    put('a.txt', 'text');
    await writeArchive(source, archive, facts, all);
    const [whole, tar] = [readFileSync(archive), gunzipSync(readFileSync(archive))];
    const broken = [
      ...[0, 1, 10, whole.length / 2, whole.length - 1].map((length) => whole.subarray(0, length)),
      ...[512, 1024, 1500].map((length) => gzipSync(tar.subarray(0, length))),
      Buffer.from('not an archive'),
      gzipSync('not a tar'),
      gzipSync(''),
    ];
    for (const [index, bytes] of broken.entries()) {
      writeFileSync(archive, bytes);
      const into = join(parent, `into-${index}`);
      mkdirSync(into);
      await expect(readArchive(archive, into), `case ${index}`).rejects.toThrow('is not a whole backup');
    }
  });
});
