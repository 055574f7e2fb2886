/** `genai policy`: who may do what, and why. */

import type { Command } from 'commander';
import type { ConnectionOptions } from '../connection.ts';
import { withTenantServer } from '../options.ts';
import { tableText } from '../output.ts';
import type { Shell } from '../shell.ts';

/** The part of an explanation that is shown. */
interface Explanation {
  readonly allowed: boolean;
  readonly reason: string;
  readonly rules: readonly { readonly rule: string; readonly verdict: string; readonly reason: string }[];
}

interface ExplainOptions extends ConnectionOptions {
  readonly document?: string;
  readonly collection?: string;
  readonly by?: string;
}

/** Adds `policy explain`. */
export function addPolicy(program: Command, { output, tenantApi }: Shell): void {
  const policy = program.command('policy').description('who of your tenant may do what, and why');

  withTenantServer(policy.command('explain').description('say whether a user may do something, and which rules decide'))
    .argument('<user>', 'id or e-mail address of the user')
    .argument('<permission>', 'what they would do, such as documents:read')
    .option('--document <id>', 'document to do it to')
    .option('--collection <id>', 'collection to do it to')
    .option('--by <id>', 'id of the API key that they would use')
    .action(async (user: string, permission: string, options: ExplainOptions) => {
      const { document, collection, by, ...connection } = options;
      const body = { user, permission, document_id: document, collection_id: collection, api_key_id: by };
      const api = tenantApi(connection, 'admin');
      const explanation = await api.request<Explanation>('POST', '/api/policy/explain', { body });
      output.result(explanation, () => explained(explanation));
    });
}

function explained({ allowed, reason, rules }: Explanation): string {
  const cells = rules.map(({ rule, verdict, reason: why }) => [rule, verdict, why]);
  return `${allowed ? 'allowed' : 'denied'}: ${reason}\n\n${tableText(['RULE', 'VERDICT', 'REASON'], cells)}`;
}
