/** What the process tells about itself: log, metrics, traces. */

export { createLogger, type LoggerOptions } from './logger.ts';
export {
  type Counter,
  createMetrics,
  type Gauge,
  type Metrics,
  type QueryOutcome,
  type QueryStage,
  type Timing,
} from './metrics.ts';
export { beginRequestSpan, type RequestSpan, startTracing, type Tracing, traceHeaders, withSpan } from './tracing.ts';
