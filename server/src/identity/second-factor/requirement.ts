/** Who must have a second factor where admins must, and what they may do until they have one. */

import { can, type Permission } from '../../access/index.ts';
import type { Principal } from '../../context.ts';

/** Whether a principal counts as an admin here: whoever may change users can become anybody. */
export function isAdministrator(principal: Principal): boolean {
  return can(principal, 'users:write').allowed;
}

/** What is left of a session until the second factor is there: enough to set one up. */
export const scopesWithoutFactor: readonly Permission[] = ['account:write'];
