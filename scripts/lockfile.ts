/**
 * Compares what npm installed with what the lockfile asks for.
 *
 * npm records the installed tree in `node_modules/.package-lock.json`, in the form of the lockfile itself. Comparing the
 * two says in milliseconds what `npm ls` says in seconds, and does not depend on file times, which git does not keep.
 */

/** The part of an entry of a lockfile that identifies a package. */
interface LockedPackage {
  readonly version?: string;
  readonly integrity?: string;
  readonly optional?: boolean;
}

/** A lockfile of npm, version 3: packages by the folder they stand in. */
export interface Lockfile {
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

/**
 * The folders whose package is missing, differs, or should not be there. Empty when the installation is current.
 * A missing optional package is no difference: it belongs to another platform.
 */
export function installDifferences(wanted: Lockfile, installed: Lockfile): string[] {
  const folders = new Set([...Object.keys(wanted.packages), ...Object.keys(installed.packages)]);
  return [...folders].filter((folder) => {
    if (!folder.includes('node_modules/')) return false;
    const locked = wanted.packages[folder];
    const present = installed.packages[folder];
    if (present === undefined) return locked?.optional !== true;
    return locked?.version !== present.version || locked?.integrity !== present.integrity;
  });
}
