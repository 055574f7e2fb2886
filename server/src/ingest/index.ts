/** From stored documents to searchable passages. */

export { createIngest, type Ingest, type IngestOptions, type IngestOutcome, type IngestRequest } from './ingest.ts';
