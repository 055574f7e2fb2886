/** Keeps the vectors of large tenants in indexes of their own; see search/vector-placement.ts for why and when. */

import type { Config } from '../config/index.ts';
import type { Logger } from '../context.ts';
import type { Database } from '../db/index.ts';
import { tenantSizes } from '../documents/index.ts';
import { placeVectors } from '../search/index.ts';

/** What placement needs. */
export interface PlacementOptions {
  readonly database: Database;
  readonly config: {
    readonly database: Pick<Config['database'], 'url' | 'ownerUrl' | 'connectTimeoutMs'>;
    readonly search: Pick<Config['search'], 'vectorIndexFrom'>;
  };
  readonly log: Logger;
}

/**
 * Makes the step that looks at all tenants once. It does nothing on the embedded database, whose tenants are small, nor
 * where this process may not change the schema; searches are exact then, and slower the more a tenant has.
 */
export function createPlacement({ database, config, log }: PlacementOptions): () => Promise<void> {
  const { url, ownerUrl, connectTimeoutMs } = config.database;
  const { vectorIndexFrom } = config.search;
  if (url === undefined) return async () => {};
  return async function place() {
    const sizes = await tenantSizes(database, vectorIndexFrom / 2);
    if (ownerUrl === undefined) {
      const large = sizes.filter(({ passages }) => passages >= vectorIndexFrom).length;
      if (large > 0)
        log.info({ tenants: large }, 'large tenants are searched without an index; set DATABASE_OWNER_URL');
      return;
    }
    const done = await placeVectors(database, { url: ownerUrl, connectTimeoutMs }, sizes, vectorIndexFrom);
    if (done !== undefined && done.build.length + done.drop.length > 0) log.info({ ...done }, 'vectors placed');
  };
}
