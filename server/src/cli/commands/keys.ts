/** `genai keys`: API keys of a tenant, and new files for the key that protects all data. */

import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { ConnectionOptions } from '../connection.ts';
import { CommandError } from '../failures.ts';
import { count, repeated, withLimit, withTenantServer } from '../options.ts';
import { tableText } from '../output.ts';
import type { Shell } from '../shell.ts';

/** The part of an API key that is shown. */
interface ApiKey {
  readonly id: string;
  readonly name: string;
  readonly hint: string;
  readonly user_id: string;
  readonly scopes: readonly string[] | null;
  readonly expires_at: string;
  readonly last_used_at: string | null;
}

interface NewKeyOptions extends ConnectionOptions {
  readonly user?: string;
  readonly scope?: readonly string[];
  readonly expiresInDays?: number;
}

/** Adds `keys list`, `create`, `revoke` and `new-key-file`. */
export function addKeys(program: Command, { output, tenantApi }: Shell): void {
  const keys = program.command('keys').description('API keys of your tenant, and files for encryption keys');

  withLimit(
    withTenantServer(keys.command('list').description('list API keys; an admin sees those of everybody')),
  ).action(async (options: ConnectionOptions & { limit: number }) => {
    const page = await tenantApi(options, 'admin').list<ApiKey>('/api/keys', options.limit);
    output.page(page, () => keyTable(page.data));
  });

  withTenantServer(keys.command('create').description('make an API key; it is printed once and never again'))
    .argument('<name>', 'what the key is for')
    .option('--user <id>', 'user that the key acts as; yourself by default')
    .option('--scope <permission>', 'narrow the key to a permission; may be repeated', repeated)
    .option('--expires-in-days <n>', 'life of the key', count(1, 3650))
    .action(async (name: string, { user, scope, expiresInDays, ...options }: NewKeyOptions) => {
      const body = { name, user_id: user, scopes: scope, expires_in_days: expiresInDays };
      const key = await tenantApi(options, 'admin').request<ApiKey & { key: string }>('POST', '/api/keys', { body });
      output.result(key, () => `${key.key}\n`);
      if (!output.isJson()) output.note(`Key ${key.id} expires ${key.expires_at}. It is not shown again.`);
    });

  withTenantServer(keys.command('revoke').description('revoke an API key; it stops at once'))
    .argument('<id>', 'id of the key')
    .action(async (id: string, options: ConnectionOptions) => {
      await tenantApi(options, 'admin').request('DELETE', `/api/keys/${encodeURIComponent(id)}`);
      output.result({ id, revoked: true }, () => `revoked ${id}\n`);
    });

  keys
    .command('new-key-file')
    .description('write a new encryption key for ENCRYPTION_KEY_FILE')
    .argument('<path>', 'file to make; never overwritten')
    .action(async (path: string) => {
      const { createKeyFile } = await import('../../vault/index.ts');
      const file = resolve(path);
      try {
        createKeyFile(file);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
        throw new CommandError('usage', `${file} exists; it may hold the only key to your data.`, {
          fix: 'Choose another path.',
          cause: error,
        });
      }
      output.result({ path: file }, () => `${file}\n`);
      output.note(`Keep a copy in a safe place: without this key nothing that it protects can be read.`);
    });
}

function keyTable(rows: readonly ApiKey[]): string {
  const cells = rows.map(({ id, name, hint, user_id, scopes, expires_at, last_used_at }) => [
    ...[id, name, hint, user_id, scopes?.join(',') ?? 'all', expires_at.slice(0, 10)],
    last_used_at?.slice(0, 16) ?? 'never',
  ]);
  return tableText(['ID', 'NAME', 'KEY', 'USER', 'SCOPES', 'EXPIRES', 'LAST USED'], cells);
}
