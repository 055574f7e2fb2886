/** `genai users`: the users of a tenant, for its admins. */

import { type Command, Option } from 'commander';
import type { Classification } from '../../context.ts';
import type { ConnectionOptions } from '../connection.ts';
import { CommandError } from '../failures.ts';
import { clearanceOption, roleOption, withLimit, withTenantServer } from '../options.ts';
import { tableText } from '../output.ts';
import type { Shell } from '../shell.ts';
import { assertChanges, tenantIdFrom } from './tenants.ts';

/** The part of a user that is shown. */
export interface User {
  readonly id: string;
  readonly email: string;
  readonly name: string;
  readonly role: string;
  readonly clearance: string;
  readonly status: string;
}

interface UserOptions extends ConnectionOptions {
  readonly name?: string;
  readonly role?: string;
  readonly clearance?: Classification;
  readonly status?: string;
  readonly passwordStdin?: boolean;
  readonly tenant?: string;
}

/** Longer input is no password. */
const passwordLengthMax = 1024;
const passwordOption = () => new Option('--password-stdin', 'take the password from standard input');

/** Adds `users list`, `create`, `update` and `reset-second-factor`. */
export function addUsers(program: Command, { output, tenantApi, operatorApi, surroundings }: Shell): void {
  const users = program.command('users').description('users of your tenant');

  withLimit(withTenantServer(users.command('list').description('list the users'))).action(
    async (options: ConnectionOptions & { limit: number }) => {
      const page = await tenantApi(options, 'admin').list<User>('/api/users', options.limit);
      output.page(page, () => userTable(page.data));
    },
  );

  withTenantServer(users.command('create').description('add a user; without a password they can only use API keys'))
    .argument('<email>', 'e-mail address, used at login')
    .requiredOption('--name <name>', 'name of the person')
    .addOption(roleOption().default('viewer'))
    .addOption(clearanceOption().default('internal'))
    .addOption(passwordOption())
    .option('--tenant <tenant>', 'for operators: slug or id of the tenant, to give it its first admin say')
    .action(async (email: string, { name, role, clearance, passwordStdin, tenant, ...options }: UserOptions) => {
      const password = passwordStdin === true ? await passwordFrom(surroundings.stdin) : undefined;
      const body = { email, name, role, clearance, password };
      const api = tenant === undefined ? tenantApi(options, 'admin') : operatorApi(options);
      const path =
        tenant === undefined ? '/api/users' : `/api/operator/tenants/${await tenantIdFrom(api, tenant)}/users`;
      const user = await api.request<User>('POST', path, { body });
      output.result(user, () => userTable([user]));
    });

  withTenantServer(users.command('update').description('change a user; suspending takes effect at once'))
    .argument('<id>', 'id of the user')
    .option('--name <name>', 'name of the person')
    .addOption(roleOption())
    .addOption(clearanceOption())
    .option('--status <status>', 'active, suspended or deleted')
    .addOption(passwordOption())
    .action(async (id: string, { name, role, clearance, status, passwordStdin, ...options }: UserOptions) => {
      const change = { name, role, clearance, status };
      if (passwordStdin !== true) assertChanges({ ...change, 'password-stdin': undefined });
      const password = passwordStdin === true ? await passwordFrom(surroundings.stdin) : undefined;
      const body = { ...change, password };
      const user = await tenantApi(options, 'admin').request<User>('PATCH', `/api/users/${encodeURIComponent(id)}`, {
        body,
      });
      output.result(user, () => userTable([user]));
    });

  withTenantServer(users.command('reset-second-factor').description('take away the second factor of who lost it'))
    .argument('<id>', 'id of the user')
    .action(async (id: string, options: ConnectionOptions) => {
      await tenantApi(options, 'admin').request('DELETE', `/api/users/${encodeURIComponent(id)}/second-factor`);
      output.result({ id, reset: true }, () => `reset ${id}\n`);
    });
}

/** The password on standard input, without the line break that `echo` adds. */
export async function passwordFrom(stdin: NodeJS.ReadableStream): Promise<string> {
  let text = '';
  for await (const chunk of stdin) {
    text += String(chunk);
    if (text.length > passwordLengthMax) throw new CommandError('usage', 'Standard input is too long for a password.');
  }
  const password = text.replace(/\r?\n$/, '');
  if (password === '') throw new CommandError('usage', 'Standard input holds no password.');
  return password;
}

/** Users as a table. */
export function userTable(rows: readonly User[]): string {
  const cells = rows.map(({ id, email, name, role, clearance, status }) => [id, email, name, role, clearance, status]);
  return tableText(['ID', 'E-MAIL', 'NAME', 'ROLE', 'CLEARANCE', 'STATUS'], cells);
}
