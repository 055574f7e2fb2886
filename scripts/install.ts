/**
 * Installs the npm packages of the lockfile, unless exactly they are installed already.
 *
 * Promises the tree of the lockfile or a failure, without running any package's install script.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { installDifferences, type Lockfile } from './lockfile.ts';

const root = join(import.meta.dirname, '..');

function readLockfile(path: string): Lockfile {
  return JSON.parse(readFileSync(join(root, path), 'utf8'));
}

/** What npm recorded of its last complete installation; nothing when there was none. */
function readInstalled(): Lockfile {
  try {
    return readLockfile('node_modules/.package-lock.json');
  } catch {
    return { packages: {} };
  }
}

const wanted = readLockfile('package-lock.json');
if (installDifferences(wanted, readInstalled()).length > 0) {
  console.log('setup: installing the npm packages of package-lock.json (about 250 MB to download, 440 MB on disk)');
  const flags = ['--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'];
  const { status } = spawnSync('npm', ['ci', ...flags], { cwd: root, stdio: 'inherit' });
  if (status !== 0) {
    console.error('setup: npm could not install the packages: see its message above. Is the npm registry reachable?');
    process.exit(1);
  }
}
