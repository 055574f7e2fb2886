/**
 * Installing packages of a Debian-like system.
 *
 * Works as root only, asks for nothing, and says what it downloads. Nothing here names a mirror: apt knows the one that
 * this machine uses, with its proxy and its keys.
 */
import { findOnPath, run } from './programs.ts';

const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' };
const lockTimeoutSeconds = 120;

/** Whether this process may install Debian packages. */
export function canInstallPackages(): boolean {
  return process.getuid?.() === 0 && findOnPath('apt-get') !== undefined;
}

async function apt(...args: string[]): Promise<string> {
  const options = { env: environment, maxBuffer: 64 * 1024 * 1024 };
  return (await run('apt-get', ['-o', `DPkg::Lock::Timeout=${lockTimeoutSeconds}`, ...args], options)).stdout;
}

/** Fetches the current lists of packages. */
export async function updatePackageLists(): Promise<void> {
  await apt('update');
}

/** The version that would be installed; undefined when there is no such package. */
export async function candidateVersion(name: string): Promise<string | undefined> {
  const { stdout } = await run('apt-cache', ['policy', name], { env: environment });
  const version = /Candidate: (\S+)/.exec(stdout)?.[1];
  return version === '(none)' ? undefined : version;
}

/** Installs packages without the ones they merely recommend. */
export async function installPackages(names: readonly string[]): Promise<void> {
  if (names.length === 0) return;
  const install = ['install', '--no-install-recommends', ...names];
  console.log(`services: installing ${names.join(', ')} from Debian's packages${await downloadSize(install)}`);
  await apt('--yes', ...install);
}

/** What apt says of the sizes before it would ask for consent, which is refused here. */
async function downloadSize(install: readonly string[]): Promise<string> {
  const summary = await apt('--assume-no', ...install).catch((error: { stdout?: string }) => error.stdout ?? '');
  const download = /Need to get (?:\S+ \S+\/)?(\S+ \S?B)/.exec(summary)?.[1];
  const disk = /After this operation, (\S+ \S?B) of additional/.exec(summary)?.[1];
  return download === undefined ? '' : ` (${download} to download${disk === undefined ? '' : `, ${disk} on disk`})`;
}

/** Fetches one package file into a folder without installing it. */
export async function downloadPackage(name: string, folder: string): Promise<void> {
  await run('apt-get', ['download', name], { env: environment, cwd: folder });
}

/**
 * Fetches a file of the Debian archive from the mirror of this machine.
 *
 * @param path below the root of the archive, such as `pool/main/…`.
 * @param sha256 which the content must have, in hexadecimal.
 */
export async function downloadFromArchive(path: string, sha256: string, target: string): Promise<void> {
  const uri = new URL(path, await archiveUri());
  await run('/usr/lib/apt/apt-helper', ['download-file', uri.href, target, `SHA256:${sha256}`], { env: environment });
}

/** The root of the archive that this machine's apt is configured for. */
async function archiveUri(): Promise<string> {
  const filter = ['Created-By: Packages', 'Component: main', 'Origin: Debian'];
  const { stdout } = await run('apt-get', ['indextargets', '--format', '$(REPO_URI) $(CODENAME)', ...filter]);
  // Security and point-release updates are archives of their own, named after the release they belong to.
  const main = stdout
    .split('\n')
    .map((line) => line.split(' '))
    .find(([, codename = '-']) => !codename.includes('-'));
  if (main?.[0] === undefined) throw new Error('apt is configured for no Debian archive.');
  return main[0];
}
