/** The identity provider of a tenant, for its admins, and the way back in, for operators. */

import { z } from 'zod';
import { signatureAlgorithms } from '../../identity/index.ts';
import { defineOperation } from '../operation.ts';
import { snakeCased } from '../schemas/snake-case.ts';
import { classification, idParams, names, plainLine, roleName, secretOf, time } from '../schemas/wire.ts';

const access = { permission: 'identity_provider:write' } as const;

const claimRule = z.strictObject({
  claim: plainLine(1, 200).describe('Name of a claim; `realm_access.roles` also finds `roles` in `realm_access`.'),
  value: plainLine(1, 500).describe('The value, or one of the values of a list.'),
  role: roleName.exactOptional(),
  clearance: classification.exactOptional(),
});

const settings = {
  issuer: plainLine(1, 512)
    .meta({ examples: ['https://login.example.com'] })
    .describe('Exactly as the provider names itself in its tokens.'),
  client_id: names(plainLine(1, 512)).describe('How the provider knows us.'),
  scopes: z.array(z.string().min(1).max(128)).min(1).max(20),
  algorithms: z
    .array(z.enum(signatureAlgorithms))
    .min(1)
    .max(signatureAlgorithms.length)
    .describe('Accepted signature algorithms, all of one kind of key.'),
  rules: z
    .array(claimRule)
    .max(100)
    .describe('The first rule that fits and names a role gives it; the same for the clearance.'),
  default_role: roleName.nullable().describe('Of those whom no rule fits; null: no access.'),
  default_clearance: classification.nullable().describe('Of those whom no rule fits; null: no access.'),
  provisions_users: z.boolean().describe('Whether somebody unknown becomes a user at the first sign-in.'),
  links_by_email: z
    .boolean()
    .describe('Whether a user with the same address, which the provider says is verified, is the same person.'),
  links_by_claim: plainLine(1, 200)
    .nullable()
    .describe(
      'The claim that holds what SCIM calls externalId; the user who was provisioned with it is the same person.',
    ),
  sign_in_required: z
    .boolean()
    .describe('Whether passwords are refused. An admin must have signed in through it before.'),
  accepts_access_tokens: z.boolean().describe('Whether APIs take access tokens that the provider made for `audience`.'),
};

const provider = z
  .object({
    ...settings,
    has_client_secret: z.boolean(),
    redirect_uri: z.string().describe('Register this at the provider.'),
    audience: z.string().describe('What access tokens for our APIs must be made for.'),
    created_at: time,
    updated_at: time,
  })
  .meta({ id: 'IdentityProvider' });

const newProvider = z
  .strictObject({
    ...settings,
    client_secret: secretOf(z.string().min(1).max(1024), 'identity_provider.client_secret')
      .nullable()
      .exactOptional()
      .describe('When left out the stored one stays, unless issuer or client change; null: none.'),
    scopes: settings.scopes.default(['openid', 'profile', 'email']),
    algorithms: settings.algorithms.default(['RS256']),
    rules: settings.rules.default([]),
    default_role: settings.default_role.default(null),
    default_clearance: settings.default_clearance.default(null),
    provisions_users: settings.provisions_users.default(false),
    links_by_email: settings.links_by_email.default(false),
    links_by_claim: settings.links_by_claim.default(null),
    sign_in_required: settings.sign_in_required.default(false),
    accepts_access_tokens: settings.accepts_access_tokens.default(false),
  })
  .meta({ id: 'NewIdentityProvider' });

const report = z
  .object({
    issuer: z.string(),
    authorization_endpoint: z.string().nullable(),
    token_endpoint: z.string().nullable(),
    jwks_uri: z.string().nullable(),
    key_types: z.array(z.string()).describe('Kinds of the keys that it publishes.'),
    problems: z.array(z.string()).describe('What would keep people from signing in.'),
  })
  .meta({ id: 'IdentityProviderReport' });

export const identityProviderOperations = [
  defineOperation({
    method: 'GET',
    path: '/api/identity-provider',
    operationId: 'getIdentityProvider',
    summary: 'The identity provider of your tenant.',
    tag: 'identity_provider',
    access,
    success: { status: 200, description: 'The provider, without its secret.', schema: provider },
    errors: ['resource_not_found'],
    handle: async ({ services, ctx }) => snakeCased(await services.identity.provider.get(ctx)),
  }),

  defineOperation({
    method: 'PUT',
    path: '/api/identity-provider',
    operationId: 'setIdentityProvider',
    summary: 'Set the identity provider of your tenant.',
    description: 'Nobody gives by a rule a role or clearance that they could not give by hand.',
    tag: 'identity_provider',
    access,
    body: newProvider,
    success: { status: 200, description: 'The provider as it is now.', schema: provider },
    errors: ['classification_denied', 'state_conflict'],
    async handle({ services, ctx, body }) {
      const { client_secret: clientSecret, ...rest } = body;
      const input = {
        issuer: rest.issuer,
        clientId: rest.client_id,
        scopes: rest.scopes,
        algorithms: rest.algorithms,
        rules: rest.rules,
        defaultRole: rest.default_role,
        defaultClearance: rest.default_clearance,
        provisionsUsers: rest.provisions_users,
        linksByEmail: rest.links_by_email,
        linksByClaim: rest.links_by_claim,
        signInRequired: rest.sign_in_required,
        acceptsAccessTokens: rest.accepts_access_tokens,
        ...(clientSecret === undefined ? {} : { clientSecret }),
      };
      return snakeCased(await services.identity.provider.set(ctx, input));
    },
  }),

  defineOperation({
    method: 'DELETE',
    path: '/api/identity-provider',
    operationId: 'removeIdentityProvider',
    summary: 'Remove the identity provider of your tenant; passwords are good again.',
    tag: 'identity_provider',
    access,
    success: { status: 204, description: 'The provider was removed.' },
    errors: ['resource_not_found'],
    handle: ({ services, ctx }) => services.identity.provider.remove(ctx),
  }),

  defineOperation({
    method: 'POST',
    path: '/api/identity-provider/test',
    operationId: 'testIdentityProvider',
    summary: 'Ask the identity provider what it publishes, and compare it with the settings.',
    tag: 'identity_provider',
    access,
    needs: 'an identity provider',
    refusals: ['dependency_unavailable', 'egress_unavailable'],
    success: { status: 200, description: 'What it publishes.', schema: report },
    errors: ['resource_not_found', 'egress_denied', 'egress_rejected', 'egress_unavailable'],
    handle: async ({ services, ctx }) => snakeCased(await services.identity.provider.look(ctx)),
  }),

  defineOperation({
    method: 'POST',
    path: '/api/operator/tenants/{id}/passwords/allow',
    operationId: 'allowPasswords',
    summary: 'Let the users of a tenant sign in with passwords again, when its identity provider lets nobody in.',
    tag: 'operators',
    access: 'operator',
    params: idParams('tenant'),
    idNamesTenant: true,
    success: { status: 204, description: 'Passwords are good again; the provider stays.' },
    handle: ({ services, operator, params, request }) =>
      services.identity.provider.allowPasswords({
        tenantId: params.id,
        actor: { kind: 'operator', id: operator.id },
        requestId: request.id,
      }),
  }),
];
