/** Finding passages within what the asker may see. */

export { probeOpenSearch } from './opensearch-probe.ts';
export { createSearchIndex } from './postgres-index.ts';
export type {
  FoundPassage,
  IndexedChunk,
  IndexedDocument,
  SearchIndex,
  SearchRequest,
  Visibility,
} from './search-index.ts';
export { embeddingDimensions } from './tables.ts';
export { type PlacementPlan, placementPlan, placeVectors, type TenantSize } from './vector-placement.ts';
