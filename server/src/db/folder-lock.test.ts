import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FolderLockedError, lockFolder } from './folder-lock.ts';

const module = new URL('./folder-lock.ts', import.meta.url).href;
let parent: string;
let folder: string;
let children: ChildProcess[];

beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'genai-lock-'));
  folder = join(parent, 'data');
  children = [];
});
afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(parent, { recursive: true, force: true });
});

/** Tries the lock in another process, which says how it went and then stays. */
async function lockElsewhere(): Promise<{ said: string; child: ChildProcess }> {
  const program = `import { lockFolder } from ${JSON.stringify(module)};
    try { lockFolder(${JSON.stringify(folder)}); process.stdout.write('locked'); } catch (error) { process.stdout.write(error.message); }
    setInterval(() => {}, 1e6);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  const [said] = (await once(child.stdout ?? child, 'data')) as [Buffer];
  return { said: said.toString(), child };
}

describe('the lock on a folder', () => {
  it('makes the folder for its owner alone and locks it', () => {
    const umask = process.umask(0);
    lockFolder(folder)();
    process.umask(umask);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
  });

  it('refuses another process, naming the folder, the holder and the way out', async () => {
    const { child, said } = await lockElsewhere();
    expect(said).toBe('locked');
    const attempt = () => lockFolder(folder);
    expect(attempt).toThrow(FolderLockedError);
    expect(attempt).toThrow(
      `${folder} is in use by another server (process ${child.pid}). Stop it, or set GENAI_DATA_DIR to another folder.`,
    );
  });

  it('is free again once its holder was killed without warning', async () => {
    const { child } = await lockElsewhere();
    child.kill('SIGKILL');
    await once(child, 'exit');
    lockFolder(folder)();
  });

  it('refuses the same process, and that attempt does not loosen the lock', async () => {
    const unlock = lockFolder(folder);
    expect(() => lockFolder(folder)).toThrow(FolderLockedError);
    expect((await lockElsewhere()).said).toContain(`process ${process.pid}`);
    unlock();
    expect((await lockElsewhere()).said).toBe('locked');
  });

  it('tells a folder that cannot be locked from one that is locked', () => {
    mkdirSync(join(folder, 'lock'), { recursive: true });
    expect(() => lockFolder(folder)).toThrow(`${join(folder, 'lock')} cannot be locked. The folder must be writable`);
    rmSync(join(folder, 'lock'), { recursive: true });
    writeFileSync(join(folder, 'lock'), 'not a database, although quite long: '.repeat(100));
    expect(() => lockFolder(folder)).toThrow('cannot be locked');
  });
});
