import { boolean, choice, number, optionalText, optionalUrl, text } from '../setting.ts';

/** Logs, metrics and traces. */
export const observability = {
  logLevel: choice({
    env: 'LOG_LEVEL',
    values: ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'],
    default: 'info',
    description: 'Least severe level that is logged.',
  }),
  metricsToken: optionalText({
    env: 'METRICS_TOKEN',
    secret: true,
    lengthMin: 16,
    description: 'Bearer token that /metrics and /health/detailed demand; required for both in production.',
  }),
  tracingEnabled: boolean({
    env: 'TRACING_ENABLED',
    default: false,
    description: 'Exports OpenTelemetry traces to OTEL_EXPORTER_OTLP_ENDPOINT.',
  }),
  tracingEndpoint: optionalUrl({
    env: 'OTEL_EXPORTER_OTLP_ENDPOINT',
    schemes: ['http', 'https'],
    description: 'OTLP/HTTP collector.',
  }),
  tracingSampleRatio: number({
    env: 'TRACING_SAMPLE_RATIO',
    default: 1,
    min: 0,
    max: 1,
    description: 'Share of requests that are traced.',
  }),
  serviceName: text({
    env: 'OTEL_SERVICE_NAME',
    default: 'genai-platform',
    description: 'Name of this service in traces and logs.',
  }),
};
