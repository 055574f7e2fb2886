import { integer, optionalText, optionalUrl } from '../setting.ts';

/** The command line, where it talks to a server. */
export const client = {
  url: optionalUrl({
    env: 'GENAI_URL',
    schemes: ['http', 'https'],
    description: 'Server that commands talk to; by default the one that `genai up` prepared in GENAI_DATA_DIR.',
  }),
  apiKey: optionalText({
    env: 'GENAI_API_KEY',
    secret: true,
    description: 'API key that commands of a tenant use; by default that of a demo user, on the demo server only.',
  }),
  operatorKey: optionalText({
    env: 'GENAI_OPERATOR_KEY',
    secret: true,
    description: 'Operator key that commands about tenants use; by default that of the demo, on the demo server only.',
  }),
  timeoutMs: integer({
    env: 'GENAI_TIMEOUT_MS',
    default: 60_000,
    min: 100,
    max: 3_600_000,
    unit: 'milliseconds',
    description: 'How long a command waits for an answer of the server, or for its next part.',
  }),
};
