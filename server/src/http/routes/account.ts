/** What people do with their own account: password, second factor, login sessions. */

import { z } from 'zod';
import { defineOperation } from '../operation.ts';
import { code, endedSessions, password, sessionList } from '../schemas/people.ts';
import { snakeCased } from '../schemas/snake-case.ts';
import { idParams, secretOf, time } from '../schemas/wire.ts';

const currentPassword = secretOf(z.string().min(1).max(1024), 'user.password').describe('Your password, once more.');

const secondFactor = z
  .object({
    state: z.enum(['none', 'pending', 'active']).describe('`pending` until a first code confirms it.'),
    is_required: z
      .boolean()
      .describe('Whether who signs in with your password can do nothing else until it is active.'),
    recovery_codes_left: z.int(),
    active_since: time.nullable(),
  })
  .meta({ id: 'SecondFactor' });

export const accountOperations = [
  defineOperation({
    method: 'POST',
    path: '/api/me/password',
    operationId: 'changePassword',
    summary: 'Change your password.',
    description: 'Ends your other login sessions. A wrong current password counts like a failed login.',
    tag: 'account',
    access: { permission: 'account:write' },
    body: z.strictObject({ current: currentPassword, new: password }).meta({ id: 'PasswordChange' }),
    success: { status: 204, description: 'The password was changed.' },
    errors: ['state_conflict'],
    handle: ({ services, ctx, body }) =>
      services.identity.changePassword(ctx, { current: body.current, next: body.new }),
  }),

  defineOperation({
    method: 'GET',
    path: '/api/me/second-factor',
    operationId: 'getSecondFactor',
    summary: 'Whether you have a second factor.',
    tag: 'account',
    access: { permission: 'account:write' },
    success: { status: 200, description: 'Your second factor.', schema: secondFactor },
    handle: async ({ services, ctx }) => snakeCased(await services.identity.secondFactors.status(ctx)),
  }),

  defineOperation({
    method: 'POST',
    path: '/api/me/second-factor',
    operationId: 'enrolSecondFactor',
    summary: 'Begin to set up a second factor.',
    description:
      'Enter the secret in an authenticator app, then confirm with a code of it. Until then nothing changes.',
    tag: 'account',
    access: { permission: 'account:write' },
    body: z.strictObject({ password: currentPassword }).meta({ id: 'SecondFactorRequest' }),
    success: {
      status: 201,
      description: 'The secret, shown this once.',
      schema: z
        .object({
          secret: secretOf(z.string(), 'second_factor.secret').describe('In base32, to type in.'),
          uri: secretOf(z.string(), 'second_factor.secret').describe(
            'The same as an `otpauth://` address, for a QR code.',
          ),
        })
        .meta({ id: 'NewSecondFactor' }),
    },
    errors: ['state_conflict'],
    handle: ({ services, ctx, body }) => services.identity.secondFactors.enrol(ctx, body.password),
  }),

  defineOperation({
    method: 'POST',
    path: '/api/me/second-factor/confirm',
    operationId: 'confirmSecondFactor',
    summary: 'Confirm a second factor with its first code.',
    description: 'From now on a login takes a code. Ends your other login sessions.',
    tag: 'account',
    access: { permission: 'account:write' },
    body: z.strictObject({ code }).meta({ id: 'SecondFactorCode' }),
    success: {
      status: 200,
      description: 'It is active.',
      schema: z
        .object({
          recovery_codes: z
            .array(secretOf(z.string(), 'second_factor.code'))
            .describe('For who loses the device; each works once. Shown this once.'),
        })
        .meta({ id: 'RecoveryCodes' }),
    },
    errors: ['resource_not_found', 'state_conflict'],
    handle: async ({ services, ctx, body }) => ({
      recovery_codes: [...(await services.identity.secondFactors.confirm(ctx, body.code))],
    }),
  }),

  defineOperation({
    method: 'POST',
    path: '/api/me/second-factor/remove',
    operationId: 'removeSecondFactor',
    summary: 'Remove your second factor.',
    tag: 'account',
    access: { permission: 'account:write' },
    body: z.strictObject({ password: currentPassword, code }).meta({ id: 'SecondFactorRemoval' }),
    success: { status: 204, description: 'The password alone is enough again.' },
    errors: ['resource_not_found', 'state_conflict'],
    handle: ({ services, ctx, body }) => services.identity.secondFactors.remove(ctx, body),
  }),

  defineOperation({
    method: 'GET',
    path: '/api/sessions',
    operationId: 'listSessions',
    summary: 'List your login sessions.',
    tag: 'account',
    access: { permission: 'sessions:write' },
    success: { status: 200, description: 'Your sessions, the one used last first.', schema: sessionList },
    handle: async ({ services, ctx }) => ({ data: snakeCased(await services.identity.sessions.list(ctx)) }),
  }),

  defineOperation({
    method: 'DELETE',
    path: '/api/sessions',
    operationId: 'endOtherSessions',
    summary: 'End all your login sessions but this one.',
    tag: 'account',
    access: { permission: 'sessions:write' },
    success: { status: 200, description: 'The others have ended.', schema: endedSessions },
    errors: ['state_conflict'],
    handle: async ({ services, ctx }) => ({ ended: await services.identity.sessions.endOthers(ctx) }),
  }),

  defineOperation({
    method: 'DELETE',
    path: '/api/sessions/{id}',
    operationId: 'endSession',
    summary: 'End a login session: one of your own, or with users:write anybody’s.',
    tag: 'account',
    access: { permission: 'sessions:write' },
    params: idParams('session'),
    success: { status: 204, description: 'The session has ended.' },
    handle: ({ services, ctx, params }) => services.identity.sessions.end(ctx, params.id),
  }),
];
