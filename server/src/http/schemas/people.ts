/** Users as the wire shows them. */

import { z } from 'zod';
import { userStatuses } from '../../identity/index.ts';
import { classification, time, userRole } from './wire.ts';

/** A user of the caller's tenant. */
export const user = z
  .object({
    id: z.string(),
    email: z.string(),
    name: z.string(),
    role: userRole,
    clearance: classification,
    status: z.enum(userStatuses),
    created_at: time,
    updated_at: time,
  })
  .meta({ id: 'User' });
