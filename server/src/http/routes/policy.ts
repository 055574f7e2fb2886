/** Why somebody may or may not do something. */

import { z } from 'zod';
import { can, explain, permissionNames, ruleNames } from '../../access/index.ts';
import { AppError } from '../../errors.ts';
import { defineOperation } from '../operation.ts';
import { classification, idOf, names, roleName } from '../schemas/wire.ts';

const rule = z.enum(Object.keys(ruleNames) as (keyof typeof ruleNames)[]).meta({
  id: 'RuleName',
  description: Object.entries(ruleNames)
    .map(([name, meaning]) => `\`${name}\`: ${meaning}`)
    .join(' '),
});

const question = z
  .strictObject({
    user: names(z.string().min(1).max(254), 'user.id', 'user.email').describe('Id or e-mail address of the user.'),
    api_key_id: idOf('api_key').exactOptional().describe('A key of theirs that they would use, with its scopes.'),
    permission: z.enum(permissionNames),
    document_id: idOf('document').exactOptional().describe('The document to do it to.'),
    collection_id: idOf('collection').exactOptional().describe('The collection to do it to.'),
  })
  .meta({ id: 'PolicyQuestion' });

const explanation = z
  .object({
    allowed: z.boolean(),
    rule: rule.describe('The rule that decided.'),
    reason: z.string(),
    rules: z
      .array(z.object({ rule, verdict: z.enum(['allows', 'denies', 'passes']), reason: z.string() }))
      .describe('The rules that were looked at, in that order; the last one decided.'),
    user: z.object({ id: idOf('user'), role: roleName, clearance: classification }),
  })
  .meta({ id: 'PolicyExplanation' });

export const policyOperations = [
  defineOperation({
    method: 'POST',
    path: '/api/policy/explain',
    operationId: 'explainPolicy',
    summary: 'Say whether a user of your tenant may do something, and which rules decide.',
    description: 'A document or collection that you may not read yourself is answered like one that does not exist.',
    tag: 'users',
    access: { permission: 'policy:explain' },
    body: question,
    success: { status: 200, description: 'The decision and its reasons.', schema: explanation },
    errors: ['resource_not_found', 'state_conflict'],
    async handle({ services, ctx, body: { user, api_key_id: apiKeyId, permission, ...named } }) {
      const resource = namedResource(named);
      const principal = await services.identity.askedPrincipal(ctx, {
        user,
        ...(apiKeyId === undefined ? {} : { apiKeyId }),
      });
      const object = resource === undefined ? undefined : await services.documents.resource(ctx, resource);
      const { userId, role, clearance } = principal;
      return {
        ...can(principal, permission, object),
        rules: [...explain(principal, permission, object)],
        user: { id: userId, role, clearance },
      };
    },
  }),
];

function namedResource({
  document_id: documentId,
  collection_id: collectionId,
}: Pick<z.output<typeof question>, 'document_id' | 'collection_id'>) {
  if (documentId !== undefined && collectionId !== undefined) {
    const message = 'Name a document or a collection; the grants of its collection count for a document anyway.';
    throw new AppError('request_invalid', { errors: [{ location: 'body', pointer: '/collection_id', message }] });
  }
  if (documentId !== undefined) return { kind: 'document', id: documentId } as const;
  return collectionId === undefined ? undefined : ({ kind: 'collection', id: collectionId } as const);
}
