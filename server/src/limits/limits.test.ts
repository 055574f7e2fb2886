import { describe } from 'vitest';
import { countersKinds, limitsSuite } from '../../test/support/limits-suite.ts';
import { limitsConformance } from './limits.conformance.ts';
import { reservationsConformance } from './reservations.conformance.ts';

describe.each(countersKinds)('limits counted in $name', (kind) => {
  const suite = limitsSuite(kind);
  limitsConformance(suite);
  reservationsConformance(suite);
});
