/** `genai break-glass`: accesses of platform operators to a tenant, as the tenant sees, ends and consents to them. */

import type { Command } from 'commander';
import type { ConnectionOptions } from '../connection.ts';
import { count, withLimit, withTenantServer } from '../options.ts';
import { tableText } from '../output.ts';
import type { Shell } from '../shell.ts';

/** The part of an access that is shown. */
interface Access {
  readonly id: string;
  readonly operator_id: string;
  readonly reason: string;
  readonly clearance: string;
  readonly opened_at: string;
  readonly expires_at: string;
  readonly ended_at: string | null;
}

interface Consent {
  readonly valid_until: string | null;
}

/** Adds `break-glass list`, `end` and `consent`. */
export function addBreakGlass(program: Command, { output, tenantApi }: Shell): void {
  const group = program.command('break-glass').description('accesses of platform operators to your tenant');

  withLimit(withTenantServer(group.command('list').description('list the accesses, newest first'))).action(
    async (options: ConnectionOptions & { limit: number }) => {
      const page = await tenantApi(options, 'admin').list<Access>('/api/break-glass', options.limit);
      output.page(page, () => accessTable(page.data));
    },
  );

  withTenantServer(group.command('end').description('end an access at once'))
    .argument('<id>', 'id of the access')
    .action(async (id: string, options: ConnectionOptions) => {
      await tenantApi(options, 'admin').request('DELETE', `/api/break-glass/${encodeURIComponent(id)}`);
      output.result({ id, ended: true }, () => `ended ${id}\n`);
    });

  withTenantServer(group.command('consent').description('show or set whether operators may open an access'))
    .option('--hours <n>', 'consent for that long; 0 takes it back and ends what is open', count(0, 720))
    .action(async ({ hours, ...options }: ConnectionOptions & { hours?: number }) => {
      const path = '/api/break-glass-consent';
      const api = tenantApi(options, 'admin');
      const consent = await (hours === undefined
        ? api.request<Consent>('GET', path)
        : api.request<Consent>('PUT', path, { body: { hours } }));
      output.result(consent, () => `${consent.valid_until === null ? 'none' : `until ${consent.valid_until}`}\n`);
    });
}

function accessTable(rows: readonly Access[]): string {
  const cells = rows.map(({ id, operator_id: operator, reason, clearance, opened_at, expires_at, ended_at }) => [
    ...[id, operator, clearance, opened_at.slice(0, 16), (ended_at ?? expires_at).slice(0, 16), reason],
  ]);
  return tableText(['ID', 'OPERATOR', 'CLEARANCE', 'FROM', 'UNTIL', 'REASON'], cells);
}
