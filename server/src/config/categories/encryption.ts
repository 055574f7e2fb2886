import { choice, integer, optionalText } from '../setting.ts';

/** Sealing of content and secrets. */
export const encryption = {
  keyFile: optionalText({
    env: 'ENCRYPTION_KEY_FILE',
    description: 'File with the key that wraps the keys of tenants; by default GENAI_DATA_DIR/keys/local.key.',
  }),
  sealFrom: choice({
    env: 'ENCRYPTION_SEAL_FROM',
    values: ['public', 'internal', 'confidential', 'restricted'],
    default: 'internal',
    description: 'Lowest classification whose content is sealed; secrets and restricted content always are.',
  }),
  dataKeyCacheTtlMs: integer({
    env: 'ENCRYPTION_DATA_KEY_CACHE_TTL_MS',
    default: 300_000,
    min: 1000,
    max: 300_000,
    unit: 'milliseconds',
    description: 'How long an unwrapped key of a tenant stays in memory.',
  }),
};
