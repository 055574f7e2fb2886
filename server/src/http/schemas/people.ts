/** Users as the wire shows them. */

import { z } from 'zod';
import { userStatuses } from '../../identity/index.ts';
import { classification, idOf, names, plainLine, roleName, secretOf, time } from './wire.ts';

/** A user of the caller's tenant. */
export const user = z
  .object({
    id: idOf('user'),
    email: names(z.string(), 'user.email'),
    name: z.string(),
    role: roleName,
    clearance: classification,
    status: z.enum(userStatuses),
    created_at: time,
    updated_at: time,
  })
  .meta({ id: 'User' });

/** A password that is being set. */
export const password = secretOf(z.string().min(1).max(1024), 'user.password').describe(
  'At least PASSWORD_LENGTH_MIN characters.',
);

/** A code of a second factor: six digits, or a recovery code; spaces and dashes do not count. */
export const code = secretOf(z.string().min(6).max(40), 'second_factor.code');

/** A login session. */
const session = z
  .object({
    id: idOf('session'),
    device: z.string().describe('Program and system, as far as the program told.'),
    user_agent: z.string().nullable(),
    network: z
      .string()
      .nullable()
      .describe('Network that it was last used from, without the part that names a machine.'),
    is_current: z.boolean().describe('Whether this request belongs to it.'),
    created_at: time,
    last_used_at: time.describe('When its tokens were last renewed.'),
    expires_at: time,
  })
  .meta({ id: 'Session' });

/** Login sessions. */
export const sessionList = z.object({ data: z.array(session) }).meta({ id: 'SessionList' });

/** How many sessions came to their end. */
export const endedSessions = z.object({ ended: z.int() }).meta({ id: 'EndedSessions' });

/** A user to add. */
export const newUser = z
  .strictObject({
    email: names(plainLine(3, 254), 'user.email').meta({ format: 'email' }),
    name: plainLine(1, 200),
    role: roleName,
    clearance: classification,
    password: password.exactOptional(),
  })
  .meta({ id: 'NewUser' });
