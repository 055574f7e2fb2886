import { boolean, choice, environments, integer, list, optionalUrl, text } from '../setting.ts';

/** The process and its HTTP server. */
export const server = {
  environment: choice({
    env: 'APP_ENV',
    values: environments,
    default: 'development',
    description: 'Where the server runs; production enforces the rules of the security guide.',
  }),
  debug: boolean({
    env: 'DEBUG',
    default: false,
    description: 'Logs at level debug unless LOG_LEVEL says otherwise; refused in production.',
  }),
  host: text({ env: 'HOST', default: '127.0.0.1', description: 'Address the HTTP server listens on.' }),
  port: integer({
    env: 'PORT',
    default: 8000,
    min: 0,
    max: 65535,
    description: 'Port the HTTP server listens on; 0 picks a free one.',
  }),
  publicUrl: optionalUrl({
    env: 'PUBLIC_URL',
    schemes: ['http', 'https'],
    description: 'Address under which users reach the server, for links; by default http://HOST:PORT.',
  }),
  dataDir: text({
    env: 'GENAI_DATA_DIR',
    default: './data',
    description: 'Folder for the embedded database, document bytes, generated secrets and the local key file.',
  }),
  bodyBytesMax: integer({
    env: 'BODY_BYTES_MAX',
    default: 1_048_576,
    min: 1024,
    max: 104_857_600,
    unit: 'bytes',
    description: 'Largest JSON body accepted; uploads have UPLOAD_BYTES_MAX.',
  }),
  headerBytesMax: integer({
    env: 'HEADER_BYTES_MAX',
    default: 16_384,
    min: 4096,
    max: 131_072,
    unit: 'bytes',
    description: 'Largest size of all request headers together.',
  }),
  requestTimeoutMs: integer({
    env: 'REQUEST_TIMEOUT_MS',
    default: 120_000,
    min: 1000,
    max: 3_600_000,
    unit: 'milliseconds',
    description: 'How long a client may take to send a whole request.',
  }),
  keepAliveTimeoutMs: integer({
    env: 'KEEP_ALIVE_TIMEOUT_MS',
    default: 72_000,
    min: 1000,
    max: 600_000,
    unit: 'milliseconds',
    description: 'How long an idle connection is kept open; longer than that of the load balancer in front.',
  }),
  connectionsMax: integer({
    env: 'HTTP_CONNECTIONS_MAX',
    default: 10_000,
    min: 1,
    max: 1_000_000,
    unit: 'count',
    description: 'Most client connections open at once; further ones are closed at once.',
  }),
  shutdownTimeoutMs: integer({
    env: 'SHUTDOWN_TIMEOUT_MS',
    default: 30_000,
    min: 0,
    max: 600_000,
    unit: 'milliseconds',
    description: 'How long running requests may take to finish after SIGTERM; a second signal stops at once.',
  }),
  trustProxy: boolean({
    env: 'TRUST_PROXY',
    default: false,
    description: 'Takes the client address from X-Forwarded-For; only behind a proxy that sets it.',
  }),
  corsOrigins: list({
    env: 'CORS_ORIGINS',
    description: 'Origins whose pages may call the API, for example https://app.example.com; none by default.',
  }),
};
