/** `genai sessions`: login sessions, one's own and for admins those of others. */

import type { Command } from 'commander';
import type { ConnectionOptions } from '../connection.ts';
import { withTenantServer } from '../options.ts';
import { tableText } from '../output.ts';
import type { Shell } from '../shell.ts';

/** The part of a session that is shown. */
interface Session {
  readonly id: string;
  readonly device: string;
  readonly network: string | null;
  readonly is_current: boolean;
  readonly created_at: string;
  readonly last_used_at: string;
}

interface WhoseOptions extends ConnectionOptions {
  readonly user?: string;
}

/** Adds `sessions list`, `end` and `end-all`. */
export function addSessions(program: Command, { output, tenantApi }: Shell): void {
  const sessions = program.command('sessions').description('login sessions: devices, and ending them');
  const pathOf = (user: string | undefined) =>
    user === undefined ? '/api/sessions' : `/api/users/${encodeURIComponent(user)}/sessions`;
  const roleFor = (user: string | undefined) => (user === undefined ? 'viewer' : 'admin');

  withTenantServer(sessions.command('list').description('list your sessions, the one used last first'))
    .option('--user <id>', 'for admins: those of a user')
    .action(async ({ user, ...options }: WhoseOptions) => {
      const list = await tenantApi(options, roleFor(user)).request<{ data: readonly Session[] }>('GET', pathOf(user));
      output.result(list, () => sessionTable(list.data));
    });

  withTenantServer(sessions.command('end').description('end a session: one of yours, for admins anybody’s'))
    .argument('<id>', 'id of the session')
    .action(async (id: string, options: ConnectionOptions) => {
      await tenantApi(options, 'admin').request('DELETE', `/api/sessions/${encodeURIComponent(id)}`);
      output.result({ id, ended: true }, () => `ended ${id}\n`);
    });

  withTenantServer(sessions.command('end-all').description('end all your sessions but the one in GENAI_API_KEY'))
    .option('--user <id>', 'for admins: all those of a user')
    .action(async ({ user, ...options }: WhoseOptions) => {
      const answer = await tenantApi(options, roleFor(user)).request<{ ended: number }>('DELETE', pathOf(user));
      output.result(answer, () => `ended ${answer.ended}\n`);
    });
}

function sessionTable(rows: readonly Session[]): string {
  const cells = rows.map(({ id, device, network, is_current: isCurrent, created_at: created, last_used_at: used }) => [
    ...[
      id,
      `${device}${isCurrent ? ' (this one)' : ''}`,
      network ?? 'unknown',
      created.slice(0, 16),
      used.slice(0, 16),
    ],
  ]);
  return tableText(['ID', 'DEVICE', 'NETWORK', 'SINCE', 'LAST USED'], cells);
}
