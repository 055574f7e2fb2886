/** All operations, in the order of the reference. */

import type { Operation } from '../operation.ts';
import { accountOperations } from './account.ts';
import { accountingOperations } from './accounting.ts';
import { breakGlassOperations } from './break-glass.ts';
import { collectionOperations } from './collections.ts';
import { documentOperations } from './documents.ts';
import { gatewayOperations } from './gateway.ts';
import { identityProviderOperations } from './identity-provider.ts';
import { keyOperations } from './keys.ts';
import { loginOperations } from './login.ts';
import { operatorOperations } from './operators.ts';
import { policyOperations } from './policy.ts';
import { queryOperations } from './query.ts';
import { queueOperations } from './queue.ts';
import { roleOperations } from './roles.ts';
import { scimOperations } from './scim.ts';
import { scimDiscoveryOperations } from './scim-discovery.ts';
import { serverOperations } from './server.ts';
import { signInOperations } from './sign-in.ts';
import { teamOperations } from './teams.ts';
import { userOperations } from './users.ts';

/** Every operation that the server has. */
export const operations: readonly Operation[] = [
  ...loginOperations,
  ...accountOperations,
  ...signInOperations,
  ...queryOperations,
  ...documentOperations,
  ...collectionOperations,
  ...gatewayOperations,
  ...userOperations,
  ...teamOperations,
  ...roleOperations,
  ...policyOperations,
  ...identityProviderOperations,
  ...scimOperations,
  ...scimDiscoveryOperations,
  ...keyOperations,
  ...accountingOperations,
  ...queueOperations,
  ...breakGlassOperations,
  ...operatorOperations,
  ...serverOperations,
];
