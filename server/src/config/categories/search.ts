import { integer, list } from '../setting.ts';

/** Finding passages. */
export const search = {
  opensearchHosts: list({
    env: 'OPENSEARCH_HOSTS',
    secret: true,
    description:
      'OpenSearch nodes, with user and password where they ask for one, for example https://search-1:9200; watched by /health/detailed.',
  }),
  opensearchTimeoutMs: integer({
    env: 'OPENSEARCH_TIMEOUT_MS',
    default: 3000,
    min: 100,
    max: 60_000,
    unit: 'milliseconds',
    description: 'How long OpenSearch may take to answer.',
  }),
  passagesDefault: integer({
    env: 'SEARCH_PASSAGES_DEFAULT',
    default: 5,
    min: 1,
    max: 50,
    unit: 'count',
    description: 'Passages given to the model when a question names no top_k.',
  }),
  passagesMax: integer({
    env: 'SEARCH_PASSAGES_MAX',
    default: 20,
    min: 1,
    max: 100,
    unit: 'count',
    description: 'Largest top_k accepted.',
  }),
  candidates: integer({
    env: 'SEARCH_CANDIDATES',
    default: 50,
    min: 5,
    max: 1000,
    unit: 'count',
    description: 'Passages that each search arm (text, vector) contributes to the fusion.',
  }),
  vectorIndexFrom: integer({
    env: 'SEARCH_VECTOR_INDEX_FROM',
    default: 5000,
    min: 100,
    max: 100_000_000,
    unit: 'count',
    description:
      'Passages from which on a tenant gets an index of vectors of its own, on PostgreSQL with DATABASE_OWNER_URL; fewer are read one by one, at about 2 ms a thousand.',
  }),
};
