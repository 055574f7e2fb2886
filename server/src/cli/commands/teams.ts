/** `genai teams`: groups of users to whom collections are granted. */

import type { Command } from 'commander';
import type { ConnectionOptions } from '../connection.ts';
import { withLimit, withTenantServer } from '../options.ts';
import { tableText } from '../output.ts';
import type { Shell } from '../shell.ts';
import { type User, userTable } from './users.ts';

/** The part of a team that is shown. */
interface Team {
  readonly id: string;
  readonly name: string;
  readonly external_id: string | null;
}

/** Adds `teams list`, `create`, `rename`, `delete`, `members`, `add` and `remove`. */
export function addTeams(program: Command, { output, tenantApi }: Shell): void {
  const teams = program.command('teams').description('teams of your tenant, and who is in them');
  const pathOf = (id: string, userId?: string) =>
    `/api/teams/${encodeURIComponent(id)}${userId === undefined ? '' : `/members/${encodeURIComponent(userId)}`}`;

  withLimit(withTenantServer(teams.command('list').description('list the teams'))).action(
    async (options: ConnectionOptions & { limit: number }) => {
      const page = await tenantApi(options, 'admin').list<Team>('/api/teams', options.limit);
      output.page(page, () => teamTable(page.data));
    },
  );

  withTenantServer(teams.command('create').description('make a team'))
    .argument('<name>', 'name, unique in the tenant')
    .action(async (name: string, options: ConnectionOptions) => {
      const team = await tenantApi(options, 'admin').request<Team>('POST', '/api/teams', { body: { name } });
      output.result(team, () => teamTable([team]));
    });

  withTenantServer(teams.command('rename').description('give a team another name'))
    .argument('<id>', 'id of the team')
    .argument('<name>', 'name, unique in the tenant')
    .action(async (id: string, name: string, options: ConnectionOptions) => {
      const team = await tenantApi(options, 'admin').request<Team>('PATCH', pathOf(id), { body: { name } });
      output.result(team, () => teamTable([team]));
    });

  withTenantServer(teams.command('delete').description('remove a team and what was granted to it'))
    .argument('<id>', 'id of the team')
    .action(async (id: string, options: ConnectionOptions) => {
      await tenantApi(options, 'admin').request('DELETE', pathOf(id));
      output.result({ id, deleted: true }, () => `deleted ${id}\n`);
    });

  withLimit(withTenantServer(teams.command('members').description('list the members of a team')))
    .argument('<id>', 'id of the team')
    .action(async (id: string, options: ConnectionOptions & { limit: number }) => {
      const page = await tenantApi(options, 'admin').list<User>(`${pathOf(id)}/members`, options.limit);
      output.page(page, () => userTable(page.data));
    });

  withTenantServer(teams.command('add').description('add users to a team'))
    .argument('<id>', 'id of the team')
    .argument('<user...>', 'ids of users')
    .action(async (id: string, userIds: readonly string[], options: ConnectionOptions) => {
      const api = tenantApi(options, 'admin');
      for (const userId of userIds) await api.request('PUT', pathOf(id, userId));
      output.result({ id, added: userIds }, () => `added ${userIds.join(', ')}\n`);
    });

  withTenantServer(teams.command('remove').description('take users out of a team'))
    .argument('<id>', 'id of the team')
    .argument('<user...>', 'ids of users')
    .action(async (id: string, userIds: readonly string[], options: ConnectionOptions) => {
      const api = tenantApi(options, 'admin');
      for (const userId of userIds) await api.request('DELETE', pathOf(id, userId));
      output.result({ id, removed: userIds }, () => `removed ${userIds.join(', ')}\n`);
    });
}

function teamTable(rows: readonly Team[]): string {
  return tableText(
    ['ID', 'NAME', 'EXTERNAL ID'],
    rows.map(({ id, name, external_id }) => [id, name, external_id]),
  );
}
