/** Everything that `genai doctor` looks at, in the order in which it is told. */

import type { InspectedConfig } from '../../config/index.ts';
import { exposureCheck } from './exposure.ts';
import { type Finding, findingsOf } from './finding.ts';
import { machineChecks } from './machine.ts';
import { serviceChecks } from './services.ts';

/** Looks at the machine, the settings and the services, changing nothing. */
export async function examine(inspected: InspectedConfig): Promise<readonly Finding[]> {
  const { config } = inspected;
  const services = Promise.all(serviceChecks(config).map(findingsOf));
  const findings: Finding[] = [];
  for (const check of [...machineChecks(inspected), exposureCheck(config)]) findings.push(...(await findingsOf(check)));
  return [...findings, ...(await services).flat()];
}
