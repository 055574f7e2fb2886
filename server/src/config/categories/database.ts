import { boolean, integer, optionalUrl } from '../setting.ts';

/** PostgreSQL, or the embedded database when no URL is given. */
export const database = {
  url: optionalUrl({
    env: 'DATABASE_URL',
    schemes: ['postgres', 'postgresql'],
    secret: true,
    description:
      'PostgreSQL 15 or later with pgvector, as the login of the server (never a superuser); empty uses the embedded database.',
  }),
  ownerUrl: optionalUrl({
    env: 'DATABASE_OWNER_URL',
    schemes: ['postgres', 'postgresql'],
    secret: true,
    description:
      'Login that may create roles, for `genai migrate`; with it the server applies pending migrations at start.',
  }),
  poolMax: integer({
    env: 'DATABASE_POOL_MAX',
    default: 20,
    min: 1,
    max: 1000,
    unit: 'count',
    description:
      'Most connections of this process to PostgreSQL, beside the one that claims the database for a server without Redis; the embedded database has one.',
  }),
  connectTimeoutMs: integer({
    env: 'DATABASE_CONNECT_TIMEOUT_MS',
    default: 10_000,
    min: 100,
    max: 120_000,
    unit: 'milliseconds',
    description: 'How long a query waits for a connection.',
  }),
  statementTimeoutMs: integer({
    env: 'DATABASE_STATEMENT_TIMEOUT_MS',
    default: 30_000,
    min: 100,
    max: 600_000,
    unit: 'milliseconds',
    description: 'How long a statement may run.',
  }),
  idleInTransactionTimeoutMs: integer({
    env: 'DATABASE_IDLE_IN_TRANSACTION_TIMEOUT_MS',
    default: 10_000,
    min: 100,
    max: 600_000,
    unit: 'milliseconds',
    description: 'How long a transaction may wait for its next statement before PostgreSQL ends it.',
  }),
  idleTimeoutMs: integer({
    env: 'DATABASE_IDLE_TIMEOUT_MS',
    default: 30_000,
    min: 1000,
    max: 3_600_000,
    unit: 'milliseconds',
    description: 'How long an unused connection stays open.',
  }),
  allowEmbeddedInProduction: boolean({
    env: 'ALLOW_EMBEDDED_DATABASE_IN_PRODUCTION',
    default: false,
    description: 'Lets production start on the embedded database, which survives a killed process but not a power cut.',
  }),
};
