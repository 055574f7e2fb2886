/** `genai tenants`: tenants, for operators of the platform. */

import type { Command } from 'commander';
import type { TenantTier } from '../../context.ts';
import type { Api } from '../api-client.ts';
import type { ConnectionOptions } from '../connection.ts';
import { CommandError } from '../failures.ts';
import { tierOption, withLimit, withServer } from '../options.ts';
import { tableText } from '../output.ts';
import type { Shell } from '../shell.ts';

/** The part of a tenant that is shown. */
interface Tenant {
  readonly id: string;
  readonly slug: string;
  readonly name: string;
  readonly tier: string;
  readonly status: string;
  readonly region: string;
}

interface NewTenantOptions extends ConnectionOptions {
  readonly name: string;
  readonly tier: TenantTier;
  readonly region?: string;
}

interface TenantChangeOptions extends ConnectionOptions {
  readonly name?: string;
  readonly tier?: TenantTier;
  readonly status?: string;
}

const path = '/api/operator/tenants';
/** Most tenants that are looked through for a slug. */
const tenantsMax = 10_000;

/** Adds `tenants list`, `create` and `update`. */
export function addTenants(program: Command, { output, operatorApi }: Shell): void {
  const tenants = program.command('tenants').description('tenants of the platform (needs GENAI_OPERATOR_KEY)');

  withLimit(withServer(tenants.command('list').description('list the tenants'))).action(
    async (options: ConnectionOptions & { limit: number }) => {
      const page = await operatorApi(options).list<Tenant>(path, options.limit);
      output.page(page, () => tenantTable(page.data));
    },
  );

  withServer(tenants.command('create').description('make a tenant'))
    .argument('<slug>', 'short name, used at login')
    .requiredOption('--name <name>', 'name for people')
    .addOption(tierOption().default('starter'))
    .option('--region <region>', 'where its data lives')
    .action(async (slug: string, { name, tier, region, ...options }: NewTenantOptions) => {
      const tenant = await operatorApi(options).request<Tenant>('POST', path, { body: { slug, name, tier, region } });
      output.result(tenant, () => tenantTable([tenant]));
    });

  withServer(tenants.command('update').description('rename, move to another tier, suspend or delete a tenant'))
    .argument('<tenant>', 'slug or id of the tenant')
    .option('--name <name>', 'name for people')
    .addOption(tierOption())
    .option('--status <status>', 'active, suspended or deleted; deleted is final')
    .action(async (idOrSlug: string, { name, tier, status, ...options }: TenantChangeOptions) => {
      const change = { name, tier, status };
      assertChanges(change);
      const api = operatorApi(options);
      const id = await tenantIdFrom(api, idOrSlug);
      const tenant = await api.request<Tenant>('PATCH', `${path}/${id}`, { body: change });
      output.result(tenant, () => tenantTable([tenant]));
    });
}

/** The id of a tenant that was named by id or slug, fit for a path. @throws {CommandError} when there is none of that slug. */
export async function tenantIdFrom(api: Api, idOrSlug: string): Promise<string> {
  if (idOrSlug.startsWith('ten_')) return encodeURIComponent(idOrSlug);
  const { data } = await api.list<Tenant>(path, tenantsMax);
  const tenant = data.find(({ slug }) => slug === idOrSlug);
  if (tenant === undefined) throw new CommandError('usage', `There is no tenant "${idOrSlug}".`);
  return tenant.id;
}

/** @throws {CommandError} when nothing is to be changed. */
export function assertChanges(change: Readonly<Record<string, unknown>>): void {
  if (Object.values(change).some((value) => value !== undefined)) return;
  throw new CommandError(
    'usage',
    `Nothing to change. Give at least one of ${Object.keys(change)
      .map((name) => `--${name}`)
      .join(', ')}.`,
  );
}

function tenantTable(rows: readonly Tenant[]): string {
  const cells = rows.map(({ id, slug, name, tier, status, region }) => [id, slug, name, tier, status, region]);
  return tableText(['ID', 'SLUG', 'NAME', 'TIER', 'STATUS', 'REGION'], cells);
}
