import { choice, integer, optionalText, text } from '../setting.ts';

/** Logins, tokens and API keys. */
export const security = {
  jwtSecretKey: optionalText({
    env: 'JWT_SECRET_KEY',
    secret: true,
    description:
      'Signs access tokens; at least 32 characters. `genai up` generates one outside production; required in production.',
  }),
  apiKeyPepper: optionalText({
    env: 'API_KEY_PEPPER',
    secret: true,
    description:
      'Keys the hashes of API keys and refresh tokens; at least 32 characters. Generated and required like JWT_SECRET_KEY.',
  }),
  tokenIssuer: text({
    env: 'TOKEN_ISSUER',
    default: 'genai-platform',
    description: 'Issuer and audience written into access tokens and demanded of them.',
  }),
  accessTokenTtlSeconds: integer({
    env: 'ACCESS_TOKEN_TTL_SECONDS',
    default: 900,
    min: 30,
    max: 86_400,
    unit: 'seconds',
    description: 'Life of an access token.',
  }),
  refreshTokenTtlDays: integer({
    env: 'REFRESH_TOKEN_TTL_DAYS',
    default: 14,
    min: 1,
    max: 365,
    unit: 'days',
    description: 'Life of a login session; every refresh replaces the token.',
  }),
  apiKeyTtlDaysDefault: integer({
    env: 'API_KEY_TTL_DAYS_DEFAULT',
    default: 90,
    min: 1,
    max: 3650,
    unit: 'days',
    description: 'Life of an API key that names no expiry.',
  }),
  requireAdminSecondFactor: choice({
    env: 'REQUIRE_ADMIN_SECOND_FACTOR',
    values: ['auto', 'true', 'false'],
    default: 'auto',
    description:
      'Whether a user who may change users, and signs in with a password, can do nothing before they have set up a second factor; `auto` means in production.',
  }),
  breakGlassMinutesMax: integer({
    env: 'BREAK_GLASS_MINUTES_MAX',
    default: 60,
    min: 1,
    max: 1440,
    unit: 'minutes',
    description: 'Longest break-glass access of an operator to a tenant.',
  }),
  breakGlassConsentTiers: text({
    env: 'BREAK_GLASS_CONSENT_TIERS',
    default: 'enterprise',
    description:
      'Tiers whose tenants have to consent before an operator can open a break-glass access, comma-separated, or `none`.',
  }),
  credentialCheckIntervalMs: integer({
    env: 'CREDENTIAL_CHECK_INTERVAL_MS',
    default: 2000,
    min: 100,
    max: 4000,
    unit: 'milliseconds',
    description:
      'How often the credentials of requests under way are looked at again; answers of one that no longer stands end then.',
  }),
  passwordLengthMin: integer({
    env: 'PASSWORD_LENGTH_MIN',
    default: 12,
    min: 8,
    max: 128,
    unit: 'characters',
    description: 'Shortest password accepted.',
  }),
  passwordHashMemoryKib: integer({
    env: 'PASSWORD_HASH_MEMORY_KIB',
    default: 19_456,
    min: 8192,
    max: 1_048_576,
    unit: 'KiB',
    description: 'Memory that hashing one password takes (argon2id, two passes; the OWASP minimum by default).',
  }),
  loginFailuresMax: integer({
    env: 'LOGIN_FAILURES_MAX',
    default: 10,
    min: 1,
    max: 1000,
    unit: 'count',
    description: 'Failed logins per account within 15 minutes after which the account waits.',
  }),
};
