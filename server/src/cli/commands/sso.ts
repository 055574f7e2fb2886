/** `genai sso`: the identity provider through which the people of a tenant sign in. */

import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import type { ConnectionOptions } from '../connection.ts';
import { CommandError } from '../failures.ts';
import { withServer, withTenantServer } from '../options.ts';
import type { Shell } from '../shell.ts';
import { tenantIdFrom } from './tenants.ts';
import { passwordFrom } from './users.ts';

/** The part of a provider that is shown. */
interface Provider {
  readonly issuer: string;
  readonly client_id: string;
  readonly has_client_secret: boolean;
  readonly redirect_uri: string;
  readonly audience: string;
  readonly rules: readonly Rule[];
  readonly default_role: string | null;
  readonly default_clearance: string | null;
  readonly sign_in_required: boolean;
}

interface Rule {
  readonly claim: string;
  readonly value: string;
  readonly role?: string;
  readonly clearance?: string;
}

/** What a look at the provider found. */
interface Report {
  readonly issuer: string;
  readonly problems: readonly string[];
}

const path = '/api/identity-provider';

/** Adds `sso show`, `set`, `test`, `remove` and `allow-passwords`. */
export function addSso(program: Command, { output, tenantApi, operatorApi, surroundings }: Shell): void {
  const sso = program
    .command('sso')
    .description('sign in with your organisation: the identity provider of your tenant');

  withTenantServer(sso.command('show').description('show the provider, and what to register there')).action(
    async (options: ConnectionOptions) => {
      const provider = await tenantApi(options, 'admin').request<Provider>('GET', path);
      output.result(provider, () => providerText(provider));
    },
  );

  withTenantServer(sso.command('set').description('set the provider from a JSON file'))
    .argument('<file>', 'the body of PUT /api/identity-provider')
    .option('--client-secret-stdin', 'take the client secret from standard input')
    .action(
      async (file: string, { clientSecretStdin, ...options }: ConnectionOptions & { clientSecretStdin?: boolean }) => {
        const settings = await settingsFrom(file);
        const secret = clientSecretStdin === true ? { client_secret: await passwordFrom(surroundings.stdin) } : {};
        const api = tenantApi(options, 'admin');
        const provider = await api.request<Provider>('PUT', path, { body: { ...settings, ...secret } });
        output.result(provider, () => providerText(provider));
        if (!output.isJson()) output.note('Look whether it answers with `genai sso test`.');
      },
    );

  withTenantServer(sso.command('test').description('ask the provider what it publishes')).action(
    async (options: ConnectionOptions) => {
      const report = await tenantApi(options, 'admin').request<Report>('POST', `${path}/test`);
      output.result(report, () => reportText(report));
    },
  );

  withTenantServer(sso.command('remove').description('remove the provider; passwords are good again')).action(
    async (options: ConnectionOptions) => {
      await tenantApi(options, 'admin').request('DELETE', path);
      output.result({ removed: true }, () => 'removed the identity provider\n');
    },
  );

  withServer(
    sso
      .command('allow-passwords')
      .description('for operators: let a tenant sign in with passwords again, when nobody gets in'),
  )
    .argument('<tenant>', 'slug or id of the tenant')
    .action(async (idOrSlug: string, options: ConnectionOptions) => {
      const api = operatorApi(options);
      const id = await tenantIdFrom(api, idOrSlug);
      await api.request('POST', `/api/operator/tenants/${id}/passwords/allow`);
      output.result({ tenant_id: id, passwords_allowed: true }, () => `passwords are good again for ${idOrSlug}\n`);
    });
}

async function settingsFrom(file: string): Promise<object> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new CommandError('usage', `${file} could not be read.`, { cause });
  });
  try {
    const settings: unknown = JSON.parse(text);
    if (typeof settings === 'object' && settings !== null && !Array.isArray(settings)) return settings;
  } catch (cause) {
    throw new CommandError('usage', `${file} is not JSON: ${cause instanceof Error ? cause.message : ''}`, { cause });
  }
  throw new CommandError('usage', `${file} holds no JSON object.`);
}

function providerText(provider: Provider): string {
  const { rules, default_role: role, default_clearance: clearance } = provider;
  const lines: readonly (readonly [string, string])[] = [
    ['issuer', provider.issuer],
    ['client', `${provider.client_id}${provider.has_client_secret ? '' : ' (without secret)'}`],
    ['redirect URI', provider.redirect_uri],
    ['audience', provider.audience],
    ...rules.map((rule) => ['rule', `${rule.claim} = ${rule.value}: ${givenText(rule)}`] as const),
    ['everybody else', role === null || clearance === null ? 'no access' : givenText({ role, clearance })],
    ['passwords', provider.sign_in_required ? 'refused' : 'good'],
  ];
  return lines.map(([name, value]) => `${name.padEnd(16)}${value}\n`).join('');
}

function givenText({ role, clearance }: Pick<Rule, 'role' | 'clearance'>): string {
  return [role, clearance].filter((given) => given !== undefined).join(', ');
}

function reportText({ issuer, problems }: Report): string {
  if (problems.length === 0) return `${issuer} answers, and nothing keeps people from signing in.\n`;
  return problems.map((problem) => `${problem}\n`).join('');
}
