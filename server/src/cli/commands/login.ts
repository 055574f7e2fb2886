/** `genai login` and `genai logout`: a session for commands, with the password and the second factor of a person. */

import type { Command } from 'commander';
import type { Api } from '../api-client.ts';
import type { ConnectionOptions } from '../connection.ts';
import { ApiError } from '../failures.ts';
import { withServer, withTenantServer } from '../options.ts';
import { createPrompts } from '../prompts.ts';
import type { Shell } from '../shell.ts';

interface Tokens {
  readonly access_token: string;
  readonly expires_in: number;
}

interface LoginOptions extends ConnectionOptions {
  readonly tenant?: string;
}

interface Credentials {
  readonly tenant: string | undefined;
  readonly email: string;
  readonly password: string;
}

/** Adds `login` and `logout`. */
export function addLogin(program: Command, { output, surroundings, anonymousApi, tenantApi }: Shell): void {
  withServer(program.command('login').description('sign in with a password; prints an access token for GENAI_API_KEY'))
    .argument('<email>', 'e-mail address')
    .option('--tenant <slug>', 'tenant, for who has accounts in several')
    .action(async (email: string, { tenant, ...options }: LoginOptions) => {
      const api = anonymousApi(options);
      const prompts = createPrompts(surroundings);
      try {
        const password = await prompts.ask('Password', { isSecret: true });
        const credentials = { tenant, email, password };
        const tokens = await logIn(api, credentials, () => prompts.ask('Code of your second factor'));
        output.result(tokens, () => `${tokens.access_token}\n`);
        if (!output.isJson())
          output.note(`Good for ${Math.round(tokens.expires_in / 60)} minutes: export it as GENAI_API_KEY.`);
      } finally {
        prompts.close();
      }
    });

  withTenantServer(
    program.command('logout').description('end the session of the access token in GENAI_API_KEY'),
  ).action(async (options: ConnectionOptions) => {
    await tenantApi(options, 'viewer').request('POST', '/api/auth/logout');
    output.result({ ended: true }, () => 'signed out\n');
  });
}

/** Signs in, and asks for a code where the account has a second factor. */
async function logIn(api: Api, credentials: Credentials, askCode: () => Promise<string>): Promise<Tokens> {
  const attempt = (code?: string) => api.request<Tokens>('POST', '/api/auth/login', { body: { ...credentials, code } });
  try {
    return await attempt();
  } catch (error) {
    if (!(error instanceof ApiError) || error.problem.code !== 'second_factor_required') throw error;
    return attempt(await askCode());
  }
}
