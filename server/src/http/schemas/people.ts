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
