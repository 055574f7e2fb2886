/** `genai roles`: the roles of a tenant, and what they permit. */

import type { Command } from 'commander';
import type { ConnectionOptions } from '../connection.ts';
import { repeated, withTenantServer } from '../options.ts';
import { tableText } from '../output.ts';
import type { Shell } from '../shell.ts';
import { assertChanges } from './tenants.ts';

/** The part of a role that is shown. */
interface Role {
  readonly name: string;
  readonly description: string;
  readonly permissions: readonly string[];
  readonly is_built_in: boolean;
}

interface RoleOptions extends ConnectionOptions {
  readonly description?: string;
  readonly permission?: readonly string[];
}

/** Adds `roles list`, `create`, `update` and `delete`. */
export function addRoles(program: Command, { output, tenantApi }: Shell): void {
  const roles = program.command('roles').description('roles of your tenant, and what they permit');
  const pathOf = (name: string) => `/api/roles/${encodeURIComponent(name)}`;

  withTenantServer(roles.command('list').description('list the roles, built-in ones first')).action(
    async (options: ConnectionOptions) => {
      const list = await tenantApi(options, 'admin').request<{ data: readonly Role[] }>('GET', '/api/roles');
      output.result(list, () => roleTable(list.data));
    },
  );

  withTenantServer(roles.command('create').description('make a role out of permissions that you hold'))
    .argument('<name>', 'lower-case name, which stays')
    .option('--permission <name>', 'what it permits; may be repeated', repeated)
    .option('--description <text>', 'what it is for')
    .action(async (name: string, { permission = [], description, ...options }: RoleOptions) => {
      const body = { name, permissions: permission, description };
      const role = await tenantApi(options, 'admin').request<Role>('POST', '/api/roles', { body });
      output.result(role, () => roleTable([role]));
    });

  withTenantServer(roles.command('update').description('change a role; it counts from the next request of its holders'))
    .argument('<name>', 'name of the role')
    .option('--permission <name>', 'what it permits from now on, all of it; may be repeated', repeated)
    .option('--description <text>', 'what it is for')
    .action(async (name: string, { permission, description, ...options }: RoleOptions) => {
      assertChanges({ permission, description });
      const body = { permissions: permission, description };
      const role = await tenantApi(options, 'admin').request<Role>('PATCH', pathOf(name), { body });
      output.result(role, () => roleTable([role]));
    });

  withTenantServer(roles.command('delete').description('remove a role that nobody holds, and what was granted to it'))
    .argument('<name>', 'name of the role')
    .action(async (name: string, options: ConnectionOptions) => {
      await tenantApi(options, 'admin').request('DELETE', pathOf(name));
      output.result({ name, deleted: true }, () => `deleted ${name}\n`);
    });
}

function roleTable(rows: readonly Role[]): string {
  const cells = rows.map(({ name, description, permissions, is_built_in }) => [
    ...[name, is_built_in ? 'built-in' : 'own', permissions.join(','), description],
  ]);
  return tableText(['NAME', 'KIND', 'PERMISSIONS', 'DESCRIPTION'], cells);
}
