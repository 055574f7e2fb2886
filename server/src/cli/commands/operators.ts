/**
 * `genai operators`: keys for those who run the platform, made beside the server through its database, and their
 * break-glass access to a tenant, over HTTP.
 */

import type { Command } from 'commander';
import type { Classification } from '../../context.ts';
import type { ConnectionOptions } from '../connection.ts';
import { clearanceOption, count, withServer } from '../options.ts';
import type { Shell } from '../shell.ts';
import { tenantIdFrom } from './tenants.ts';

interface BreakGlassOptions extends ConnectionOptions {
  readonly reason: string;
  readonly clearance: Classification;
  readonly minutes?: number;
}

interface OpenedAccess {
  readonly id: string;
  readonly token: string;
  readonly expires_at: string;
}

/** Adds `operators create-key`, `break-glass` and `end-break-glass`. */
export function addOperators(program: Command, { output, serverConfig, operatorApi }: Shell): void {
  const operators = program
    .command('operators')
    .description('operators of the platform: their keys, and their access to tenants');

  operators
    .command('create-key')
    .description('make an operator key; it is printed once and never again')
    .argument('<name>', 'who or what the key is for; unique')
    .action(async (name: string) => {
      const { commandLineActor, openOffline } = await import('../offline.ts');
      const offline = await openOffline(serverConfig());
      try {
        const key = await offline.identity().createOperatorKey(name, commandLineActor);
        output.result(key, () => `${key.key}\n`);
        if (!output.isJson()) output.note(`Key ${key.id} for ${key.name}. It is not shown again.`);
      } finally {
        await offline.close();
      }
    });

  withServer(operators.command('break-glass').description('open a read access to a tenant; its token is printed once'))
    .argument('<tenant>', 'slug or id of the tenant')
    .requiredOption('--reason <text>', 'why; the tenant reads it')
    .addOption(clearanceOption().default('internal'))
    .option('--minutes <n>', 'how long; 30 by default', count(1, 1440))
    .action(async (tenant: string, { reason, clearance, minutes, ...options }: BreakGlassOptions) => {
      const api = operatorApi(options);
      const path = `/api/operator/tenants/${await tenantIdFrom(api, tenant)}/break-glass`;
      const body = { reason, clearance, duration_minutes: minutes };
      const access = await api.request<OpenedAccess>('POST', path, { body });
      output.result(access, () => `${access.token}\n`);
      if (!output.isJson())
        output.note(`Access ${access.id} until ${access.expires_at}. Each request is in the audit log of the tenant.`);
    });

  withServer(operators.command('end-break-glass').description('end an access to a tenant at once'))
    .argument('<id>', 'id of the access')
    .action(async (id: string, options: ConnectionOptions) => {
      await operatorApi(options).request('DELETE', `/api/operator/break-glass/${encodeURIComponent(id)}`);
      output.result({ id, ended: true }, () => `ended ${id}\n`);
    });
}
