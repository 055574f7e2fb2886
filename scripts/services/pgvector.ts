/**
 * The extension pgvector for a PostgreSQL of Debian.
 *
 * From Debian 13 on there is a package. For PostgreSQL 15 of Debian 12 there is none, but Debian 13's source package
 * compiles against it in seconds; its content is pinned by the SHA-256 that Debian's signed source description states.
 */

import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { downloadFromArchive, downloadPackage } from './debian.ts';
import type { PostgresInstallation } from './postgres.ts';
import { findOnPath, run } from './programs.ts';

const source = {
  path: 'pool/main/p/pgvector/pgvector_0.8.0.orig.tar.gz',
  sha256: '867a2c328d4928a5a9d6f052cd3bc78c7d60228a9b914ad32aa3db88e9de27b0',
  folder: 'pgvector-0.8.0',
};

/** Compiles pgvector and installs it beside this PostgreSQL. Needs root, make and a C compiler. */
export async function buildPgvector({ programs, major }: PostgresInstallation): Promise<void> {
  const compiler = findOnPath('gcc', 'cc', 'clang');
  if (compiler === undefined) throw new Error('pgvector needs a C compiler: install the package build-essential.');
  console.log(
    `services: compiling pgvector 0.8.0 for PostgreSQL ${major} from Debian's source package (1.3 MB to download)`,
  );
  const folder = await mkdtemp(join(tmpdir(), 'genai-pgvector-'));
  try {
    const archive = join(folder, 'source.tar.gz');
    await downloadFromArchive(source.path, source.sha256, archive);
    await run('tar', ['--extract', '--file', archive, '--directory', folder]);
    const variables = [
      `PG_CONFIG=${join(programs, 'pg_config')}`,
      `PG_CPPFLAGS=-I${await serverHeaders(programs, major, folder)}`,
      `CC=${compiler}`,
      // Without LLVM bitcode, which needs clang, and without instructions that only this processor may have.
      'with_llvm=no',
      'OPTFLAGS=',
    ];
    await run('make', ['--silent', '--jobs=2', 'all', 'install', ...variables], { cwd: join(folder, source.folder) });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * The folder of PostgreSQL's header files. Where they are not installed they are unpacked from their package: installing
 * it would bring clang and LLVM as well.
 */
async function serverHeaders(programs: string, major: number, folder: string): Promise<string> {
  const installed = (await run(join(programs, 'pg_config'), ['--includedir-server'])).stdout.trim();
  if (existsSync(join(installed, 'postgres.h'))) return installed;
  await downloadPackage(`postgresql-server-dev-${major}`, folder);
  const file = (await readdir(folder)).find((name) => name.endsWith('.deb'));
  await run('dpkg-deb', ['--extract', join(folder, String(file)), join(folder, 'headers')]);
  return join(folder, 'headers', installed);
}
