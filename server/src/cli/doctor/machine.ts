/** Looks at the machine: Node.js, the data folder and its files, disk and port. */

import { existsSync, statSync } from 'node:fs';
import { access, constants, statfs } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import type { InspectedConfig } from '../../config/index.ts';
import { FolderLockedError, lockFolder } from '../../db/index.ts';
import { SetupError } from '../../errors.ts';
import { keyFilePath } from '../../settings.ts';
import { createLocalKms } from '../../vault/index.ts';
import type { Check } from './finding.ts';

const nodeMajorMin = 24;
/** An embedded database with a few thousand documents fits. */
const diskFreeBytesMin = 2 * 1024 ** 3;
/** Rights of group and others. */
const rightsOfOthers = 0o077;

/** The checks of the machine. */
export function machineChecks({ config, problems }: InspectedConfig): readonly Check[] {
  const { dataDir, host, port } = config.server;
  const isProduction = config.server.environment === 'production';
  return [
    {
      name: 'node',
      fix: 'Run `make setup`, which brings it, or install it.',
      look() {
        const isCurrent = Number.parseInt(process.versions.node, 10) >= nodeMajorMin;
        const detail = `Node.js ${process.version}`;
        if (isCurrent) return [{ status: 'ok', detail }];
        return [{ status: 'failed', detail: `${detail} is too old`, fix: `Install Node.js ${nodeMajorMin}.` }];
      },
    },
    {
      name: 'settings',
      fix: 'Correct the settings.',
      look: () =>
        problems.length === 0
          ? [{ status: 'ok', detail: 'all in order' }]
          : problems.map(({ env, problem, fix }) => ({ status: 'failed', detail: `${env} ${problem}`, fix })),
    },
    {
      name: 'data folder',
      fix: 'Set GENAI_DATA_DIR to a folder on a local disk that this user may write.',
      async look() {
        if (!existsSync(dataDir)) {
          const nearest = nearestFolder(dataDir);
          if (!statSync(nearest).isDirectory()) throw new SetupError(`${nearest} is not a folder.`);
          await access(nearest, constants.W_OK);
          return [{ status: 'ok', detail: `${dataDir} will be made by the first start` }];
        }
        await access(dataDir, constants.R_OK | constants.W_OK | constants.X_OK);
        return [openToOthers(dataDir, 700) ?? { status: 'ok', detail: dataDir }];
      },
    },
    {
      name: 'key file',
      fix: 'Restore the key file, or name the right one with ENCRYPTION_KEY_FILE.',
      look() {
        const path = keyFilePath(config);
        const isFirstStart =
          !isProduction && config.database.url === undefined && !existsSync(join(dataDir, 'database'));
        if (isFirstStart && !existsSync(path))
          return [{ status: 'ok', detail: `${path} will be made by the first start` }];
        createLocalKms(path);
        return [{ status: 'ok', detail: path }];
      },
    },
    {
      name: 'secret files',
      fix: 'Make the files readable by their owner only.',
      look() {
        const names = ['secrets.env', 'first-run.json'].filter((name) => existsSync(join(dataDir, name)));
        if (names.length === 0) return [{ status: 'off', detail: 'none yet' }];
        const open = names
          .map((name) => openToOthers(join(dataDir, name), 600))
          .filter((finding) => finding !== undefined);
        return open.length > 0 ? open : [{ status: 'ok', detail: names.join(', ') }];
      },
    },
    {
      name: 'disk',
      fix: 'Free some space.',
      async look() {
        const { bavail, bsize } = await statfs(nearestFolder(dataDir));
        const freeBytes = bavail * bsize;
        const detail = `${(freeBytes / 1024 ** 3).toFixed(1)} GiB free`;
        if (freeBytes >= diskFreeBytesMin) return [{ status: 'ok', detail }];
        return [{ status: 'warning', detail, fix: 'Free some space: a full disk stops the database.' }];
      },
    },
    {
      name: 'port',
      fix: 'Set HOST to an address of this machine and PORT to a free port.',
      async look() {
        const holder = folderHolder(dataDir);
        if (holder !== undefined) return [{ status: 'ok', detail: `not looked at: ${holder}` }];
        await tryListening(host, port);
        return [{ status: 'ok', detail: port === 0 ? 'any free one' : `${host}:${port} is free` }];
      },
    },
  ];
}

/** Says that a server uses the data folder; `undefined` when none does. */
export function folderHolder(dataDir: string): string | undefined {
  if (!existsSync(join(dataDir, 'lock'))) return undefined;
  try {
    lockFolder(dataDir)();
    return undefined;
  } catch (error) {
    if (!(error instanceof FolderLockedError)) throw error;
    return `a server uses this data folder (${/process \d+/.exec(error.message)?.[0] ?? 'unknown'})`;
  }
}

/** The path itself, or the closest one above it that exists. */
function nearestFolder(path: string): string {
  return existsSync(path) ? path : nearestFolder(dirname(path));
}

function openToOthers(path: string, mode: number) {
  if ((statSync(path).mode & rightsOfOthers) === 0) return undefined;
  return { status: 'failed', detail: `${path} is open to other users`, fix: `Run: chmod ${mode} ${path}` } as const;
}

function tryListening(host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(port, host, () => server.close(() => resolve()));
  });
}
