import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CommandError } from './failures.ts';
import { defaultInclude, findFiles } from './find-files.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'genai-find-'));
  for (const path of ['b.md', 'a.txt', 'a.zip', 'sub/c.PDF', 'sub/d.html', 'sub/deep/e.md', '.git/f.md', '.g.md']) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), path);
  }
  symlinkSync(join(folder, 'b.md'), join(folder, 'link.md'));
  symlinkSync(folder, join(folder, 'loop'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const paths = async (include: readonly string[], exclude: readonly string[] = []) =>
  (await findFiles(folder, { include, exclude })).map(({ path }) => path);

describe('finding files', () => {
  it('takes what the server reads, in order, without what is hidden and without following links', async () => {
    expect(await paths(defaultInclude)).toEqual(['a.txt', 'b.md', 'sub/c.PDF', 'sub/d.html', 'sub/deep/e.md']);
  });

  it('holds a pattern without slash against names, and one with a slash against paths', async () => {
    expect(await paths(['*.md'])).toEqual(['b.md', 'sub/deep/e.md']);
    expect(await paths(['SUB/*.html'])).toEqual(['sub/d.html']);
    expect(await paths(['**/*.md', '*.zip'])).toEqual(['a.zip', 'b.md', 'sub/deep/e.md']);
  });

  it('leaves out files and whole folders', async () => {
    expect(await paths(['*'], ['sub'])).toEqual(['a.txt', 'a.zip', 'b.md']);
    expect(await paths(['*'], ['sub/deep', '*.zip'])).toEqual(['a.txt', 'b.md', 'sub/c.PDF', 'sub/d.html']);
  });

  it('tells sizes', async () => {
    expect(await findFiles(folder, { include: ['a.txt'], exclude: [] })).toEqual([{ path: 'a.txt', sizeBytes: 5 }]);
  });

  it('refuses what is no folder', async () => {
    await expect(findFiles(join(folder, 'a.txt'), { include: ['*'], exclude: [] })).rejects.toThrow(CommandError);
    await expect(findFiles(join(folder, 'nothing'), { include: ['*'], exclude: [] })).rejects.toThrow(
      'is not a folder',
    );
  });
});
