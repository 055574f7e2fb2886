/** `genai account`: one's own password and second factor. */

import type { Command } from 'commander';
import type { ConnectionOptions } from '../connection.ts';
import { withTenantServer } from '../options.ts';
import { createPrompts, type Prompts } from '../prompts.ts';
import type { Shell } from '../shell.ts';

interface SecondFactor {
  readonly state: string;
  readonly is_required: boolean;
  readonly recovery_codes_left: number;
}

const path = '/api/me/second-factor';

/** Adds `account change-password`, `second-factor`, `enrol-second-factor`, `confirm-second-factor` and `remove-second-factor`. */
export function addAccount(program: Command, { output, surroundings, tenantApi }: Shell): void {
  const account = program.command('account').description('your own password and second factor');

  /** Runs an action that asks for something. */
  async function asking<T>(action: (prompts: Prompts) => Promise<T>): Promise<T> {
    const prompts = createPrompts(surroundings);
    try {
      return await action(prompts);
    } finally {
      prompts.close();
    }
  }
  const password = (prompts: Prompts) => prompts.ask('Your password', { isSecret: true });

  withTenantServer(
    account.command('change-password').description('change your password; ends your other sessions'),
  ).action((options: ConnectionOptions) =>
    asking(async (prompts) => {
      const body = { current: await password(prompts), new: await prompts.ask('New password', { isSecret: true }) };
      await tenantApi(options, 'viewer').request('POST', '/api/me/password', { body });
      output.result({ changed: true }, () => 'changed\n');
    }),
  );

  withTenantServer(account.command('second-factor').description('show whether you have a second factor')).action(
    async (options: ConnectionOptions) => {
      const factor = await tenantApi(options, 'viewer').request<SecondFactor>('GET', path);
      const required = factor.is_required ? ', required' : '';
      output.result(factor, () => `${factor.state}${required}, ${factor.recovery_codes_left} recovery codes left\n`);
    },
  );

  withTenantServer(account.command('enrol-second-factor').description('begin to set up a second factor')).action(
    (options: ConnectionOptions) =>
      asking(async (prompts) => {
        const body = { password: await password(prompts) };
        const made = await tenantApi(options, 'viewer').request<{ secret: string; uri: string }>('POST', path, {
          body,
        });
        output.result(made, () => `${made.secret}\n${made.uri}\n`);
        if (!output.isJson())
          output.note('Enter it in an authenticator app, then run `genai account confirm-second-factor CODE`.');
      }),
  );

  withTenantServer(account.command('confirm-second-factor').description('confirm it; prints recovery codes, once'))
    .argument('<code>', 'what the device shows')
    .action(async (code: string, options: ConnectionOptions) => {
      const answer = await tenantApi(options, 'viewer').request<{ recovery_codes: readonly string[] }>(
        'POST',
        `${path}/confirm`,
        { body: { code } },
      );
      output.result(answer, () => `${answer.recovery_codes.join('\n')}\n`);
      if (!output.isJson()) output.note('Keep these codes in a safe place; each works once, if the device is lost.');
    });

  withTenantServer(account.command('remove-second-factor').description('remove your second factor'))
    .argument('<code>', 'what the device shows, or a recovery code')
    .action((code: string, options: ConnectionOptions) =>
      asking(async (prompts) => {
        const body = { password: await password(prompts), code };
        await tenantApi(options, 'viewer').request('POST', `${path}/remove`, { body });
        output.result({ removed: true }, () => 'removed\n');
      }),
    );
}
