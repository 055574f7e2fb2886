/**
 * The database and the operators' realm without a server, for what is done before there is one or while it is stopped.
 *
 * Whatever is done here is in the operators' audit log. The embedded database is locked meanwhile.
 */

import { userInfo } from 'node:os';
import { type AuditActor, type AuditEvent, createAuditLog } from '../audit/index.ts';
import type { Config } from '../config/index.ts';
import { openDatabase } from '../db/index.ts';
import { createIdentity, type Identity, operatorRealm } from '../identity/index.ts';
import { keyFilePath } from '../settings.ts';
import { createLogger } from '../telemetry/index.ts';
import { createLocalKms, createVault } from '../vault/index.ts';

/** An open platform that serves nobody. */
export interface Offline {
  /** Users and keys; needs the secrets of the settings. */
  readonly identity: () => Identity;
  /** Writes an act to the operators' audit log. */
  readonly record: (act: Pick<AuditEvent, 'action' | 'details'>) => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Whoever may run commands beside the server acts as the platform itself. */
export const commandLineActor: AuditActor = { kind: 'system', id: 'command-line' };

/**
 * Opens the database of the settings.
 * @throws {SetupError} when a server uses the embedded database, or the key or the database are not as they must be.
 */
export async function openOffline(config: Config): Promise<Offline> {
  const { debug } = config.server;
  const log = createLogger({ ...config.observability, logLevel: 'error' }, { debug });
  // Before the database, so that a missing key leaves no new database behind.
  const kms = createLocalKms(keyFilePath(config));
  const hooks = { onSystemTransaction: () => {}, onMigration: () => {}, onIdleError: () => {} };
  const { database } = await openDatabase(config, hooks, 'command');
  const vault = createVault({ database, kms, ...config.encryption });
  const audit = createAuditLog({ database, vault, log, onSecurityEvent: () => {} });

  return {
    identity: () => createIdentity({ database, vault, audit, settings: config.security }),
    async record(act) {
      const realmVault = await vault.forTenant(operatorRealm);
      const personal = { account: userInfo().username };
      const event: AuditEvent = { ...act, outcome: 'success', actor: commandLineActor, personal };
      await database.asSystem('operators.record', (tx) => audit.append(tx, realmVault, event));
    },
    async close() {
      vault.close();
      await database.close();
    },
  };
}
